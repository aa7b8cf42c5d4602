"""Paths and limits of this process, read from the variables that `dj_assets.variables` declares."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from dj_assets import variables
from dj_assets.included import included
from dj_assets.project import find_project, project_root, takes_gallery
from dj_assets.system import usable_cpus
from dj_assets.urls import checked_url, is_url, location_of
from dj_assets.variables import Variable

# The functions of the project are settings, too.
__all__ = ["find_project", "project_root"]

_BLAS_THREADS = "OPENBLAS_NUM_THREADS"

# One thread per worker in every library that would otherwise start a thread pool.
SINGLE_THREAD_ENV: Mapping[str, str] = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        _BLAS_THREADS,
        "NUMBA_NUM_THREADS",
        "ARROW_NUM_THREADS",
        "RAYON_NUM_THREADS",
    ),
    "1",
) | {"TOKENIZERS_PARALLELISM": "false"}

# The number of images that are read at a time for one worker; a clip counts as several images.
MEDIA_IMAGES = 128
IMAGES_A_CLIP = 4

# Records with media are short and take long to measure: small blocks give work to all workers.
IMAGE_BLOCK_BYTES = 32 * 1024
CLIP_BLOCK_BYTES = 4 * 1024
# The same for records that language models are asked about: progress is reported after each block.
MODEL_BLOCK_BYTES = 256 * 1024

MAX_LINE_BYTES = 64 * 1024 * 1024
BATCH_BYTES = 4 * 1024 * 1024

# The memory of one machine that the decision about one sample takes, with one deduplicator, in bytes: slightly more
# than measured.
DECIDED_BYTES = 50

# Python's garbage collection starts after this number of new containers: imports and batches create many that are kept,
# and hardly any cycle.
COLLECT_AFTER = 50_000


def one_blas_thread() -> None:
    """Give the BLAS of NumPy one thread, unless the environment says otherwise; call it before NumPy is imported.

    A run with one worker measures in its own process. Threads of OpenBLAS in two processes on two CPUs waited for each
    other without end, busy all the time.
    """
    os.environ.setdefault(_BLAS_THREADS, "1")


def data_home() -> Path:
    """Return the folder of all subsets' results: `DJ_HOME`, default `<project>/data_home`.

    If `DJ_HOME` is a URL, it is the folder of the working copies on this machine.

    Raises
    ------
    NoProjectError
        If there is neither a `DJ_HOME` nor a project.
    """
    given = variables.HOME.given()
    return location_of(given).resolve() if given else project_root() / "data_home"


def has_data_home() -> bool:
    """Return whether there is a data home: without a project, only recipes over files of one's own can be run."""
    return variables.HOME.given() is not None or find_project() is not None


def base_folder() -> Path:
    """Return the folder that relative paths of a recipe start from: the project, else the current folder."""
    return find_project() or Path.cwd()


def project_file(name: str) -> Path:
    """Return the path of a file that a recipe names: in the project, else the included one, where only that exists."""
    own, shipped = base_folder() / name, included(name)
    return shipped if shipped.exists() and not own.exists() else own


def home_url() -> str | None:
    """Return the URL of the data home if it is in an object store, else None."""
    given = variables.HOME.given()
    return checked_url(given) if given and is_url(given) else None


def recipe_folders() -> tuple[Path, ...]:
    """Return the folders searched for recipes, in this order.

    `recipes` of the project, those that `DJ_RECIPES` names (`:` between), the included recipes of the gallery.
    """
    root = find_project()
    own = () if root is None else (root / "recipes",)
    shipped = (included_recipes(),) if takes_gallery(root) else ()
    return tuple(dict.fromkeys((*own, *_path_list(variables.RECIPES), *shipped)))


def included_recipes() -> Path:
    """Return the folder of the included recipes: `recipes/` of the checkout, or its copy in the wheel."""
    return included("recipes")


def model_folders() -> tuple[Path, ...]:
    """Return the folders searched for models: those of `DJ_MODELS` (`:` between), then `<DJ_HOME>/models`."""
    pulled = (pulled_models(),) if has_data_home() else ()
    return (*_path_list(variables.MODELS), *pulled)


def pulled_models() -> Path:
    """Return the folder that `dj-assets models pull` fills."""
    return data_home() / "models"


def sources_file() -> Path | None:
    """Return the file that points subsets at real data; None without a project."""
    root = find_project()
    return None if root is None else root / "sources.yaml"


def sensor_seconds() -> int:
    """Return the interval of a sensor in seconds: `DJ_SENSOR_SECONDS`, default 30."""
    return variables.SENSOR_SECONDS.whole(30)


def engine() -> str:
    """Return the engine that measures and writes: `DJ_ENGINE`, default `local`."""
    return variables.ENGINE.given() or "local"


def nightly_cron() -> str:
    """Return the cron schedule of requests for missing shards: `DJ_NIGHTLY`, default two o'clock every night."""
    return variables.NIGHTLY.given() or "0 2 * * *"


def shards_a_run() -> int:
    """Return the number of shards that a backfill gives to one run: `DJ_SHARDS_A_RUN`, default 10."""
    return variables.SHARDS_A_RUN.whole(10, least=1)


def pool_per_model() -> bool:
    """Return whether every large model has a pool of its own: `DJ_MODEL_POOLS=each`."""
    return variables.MODEL_POOLS.given() == "each"


def explore_page(subset: str) -> str | None:
    """Return the address of a subset's page in Explore; None if `dj-assets dev` does not run."""
    served = variables.EXPLORE.given()
    return f"{served}{subset}/" if served else None


def plain_kernels() -> bool:
    """Return whether plain libraries and Python functions take the place of compiled kernels."""
    return variables.KERNELS.choice("shipped") == "python"


def default_workers() -> int:
    """Return the number of CPUs that this process may use, limited by its CPU affinity and its container's quota."""
    cpus = usable_cpus()
    return max(1, min(cpus, cpu_quota() or cpus))


def cpu_quota(file: Path = Path("/sys/fs/cgroup/cpu.max")) -> int | None:
    """Return the CPUs that the control group grants, rounded up; None if it sets no limit.

    In version 2, the file holds quota and period in microseconds, such as `800000 100000` for 8 CPUs, or `max 100000`.
    """
    try:
        quota, period = file.read_text().split()
        return -(-int(quota) // int(period))
    except (OSError, ValueError):
        return None


def one_node_samples() -> int:
    """Return the number of samples that one machine decides: `DJ_ONE_NODE_SAMPLES`, default half its memory's capacity.

    With more samples, duplicates are found in parts, through files.
    """
    return variables.ONE_NODE_SAMPLES.whole(memory_bytes() // 2 // DECIDED_BYTES)


def memory_bytes(file: Path = Path("/sys/fs/cgroup/memory.max")) -> int:
    """Return the memory of this machine in bytes, or the limit of the control group if that is less."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        # without a limit, the file has the text "max"
        return min(memory, int(file.read_text()))
    except (OSError, ValueError):
        return memory


def max_record_bytes() -> int:
    """Return the length of the largest record that is read, in bytes: `DJ_MAX_RECORD_MB`, default 64 MiB."""
    return variables.MAX_RECORD_MB.whole(MAX_LINE_BYTES // 2**20, least=1) * 2**20


def device() -> str | None:
    """Return the device of models, by PyTorch's name: `DJ_DEVICE`, such as `cpu` or `cuda:1`; None if not set."""
    return variables.DEVICE.given()


def media_seconds() -> float:
    """Return the time limit of one feature of an image or a clip in seconds: `DJ_MEDIA_SECONDS`, default 60."""
    return variables.MEDIA_SECONDS.number(60.0)


def media_memory_bytes() -> int:
    """Return the address space of a process that decodes, in bytes: `DJ_MEDIA_MEMORY_MB`, default 4,000 MB."""
    return variables.MEDIA_MEMORY_MB.whole(4000, least=1) * 1_000_000


def media_sandbox() -> str:
    """Return how far the process that decodes is confined: `DJ_MEDIA_SANDBOX`.

    `auto`, the default: as far as the system can; `require`: completely, or nothing runs; `off`.

    Raises
    ------
    UserError
        If the variable has another value.
    """
    return variables.MEDIA_SANDBOX.choice("auto")


def language_model(*, vision: bool = False) -> str | None:
    """Return the language model that operators ask: `DJ_LLM`, else `OPENAI_BASE_URL`; None if neither is set.

    Questions about images (`vision`) go to that of `DJ_VLM`, if it is set.
    """
    seeing = variables.VLM.given() if vision else None
    return seeing or variables.LLM.given() or variables.OPENAI_BASE_URL.given()


def painter() -> str:
    """Return the back end that paints pairs of images: `DJ_PAINTER`, default `diffusers`.

    Raises
    ------
    UserError
        If the variable has another value.
    """
    return variables.PAINTER.choice("diffusers")


def label_studio() -> Path | None:
    """Return the file with the answers of people: `DJ_LABEL_STUDIO`, None if it is not set."""
    given = variables.LABEL_STUDIO.given()
    return Path(given) if given else None


def llm_calls() -> int:
    """Return the number of calls of a language model that a worker has under way: `DJ_LLM_CALLS`, default 8."""
    return variables.LLM_CALLS.whole(8, least=1)


def llm_limits() -> Mapping[str, float | None]:
    """Return the most `calls`, `tokens` and `cost` of models that a subset may have; None for no limit."""
    calls, tokens, cost = (variables.LLM_MAX_CALLS, variables.LLM_MAX_TOKENS, variables.LLM_MAX_COST)
    return {
        "calls": calls.whole(0, least=1) if calls.given() else None,
        "tokens": tokens.whole(0, least=1) if tokens.given() else None,
        "cost": cost.number(0.0) if cost.given() else None,
    }


def llm_seconds() -> float:
    """Return the time limit of one call of a language model in seconds: `DJ_LLM_SECONDS`, default 120."""
    return variables.LLM_SECONDS.number(120.0)


def allow_code() -> bool:
    """Return whether Python code of recipes may run: `DJ_ALLOW_CODE`.

    Raises
    ------
    UserError
        If the variable is neither 0 nor 1.
    """
    return variables.ALLOW_CODE.choice("0") == "1"


def _path_list(variable: Variable) -> tuple[Path, ...]:
    parts = (variable.given() or "").split(os.pathsep)
    return tuple(Path(part).expanduser().resolve() for part in parts if part)
