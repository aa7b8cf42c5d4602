"""Every environment variable that this package reads: declared once here, and read through its declaration.

`dj-assets config` and `docs/configuration.md` are made from this table. A test fails when a module reads a variable in
another way, or when a variable is declared and not read.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace

from dj_assets.errors import UserError

_PREFIX = "DJ_"
_SUBSET = "<SUBSET>"


@dataclass(frozen=True)
class Variable:
    """One environment variable: its name, one sentence about it, its unit and its default, both in words.

    A name may end in `<SUBSET>`: it then stands for one variable per subset. The value of a `secret` is never shown.
    """

    name: str
    about: str
    unit: str
    default: str = "not set"
    secret: bool = False
    choices: tuple[str, ...] = ()

    def given(self) -> str | None:
        """Return the value in the environment; None where the variable is not set or is empty."""
        return os.environ.get(self.name) or None

    def whole(self, default: int, least: int = 0) -> int:
        """Return the value as a whole number, or the default where the variable is not set.

        Raises
        ------
        UserError
            If the value is not a whole number, or is below `least`.
        """
        given = self.given()
        if given is None:
            return default
        try:
            number = int(given)
        except ValueError:
            number = least - 1
        if number < least:
            raise UserError(f"{self.name}: {given!r} is not a whole number of at least {least} ({self.unit})")
        return number

    def number(self, default: float) -> float:
        """Return the value as a number above 0, or the default where the variable is not set.

        Raises
        ------
        UserError
            If the value is not a finite number above 0.
        """
        given = self.given()
        if given is None:
            return default
        try:
            number = float(given)
        except ValueError:
            number = math.nan
        if not 0 < number < math.inf:
            raise UserError(f"{self.name}: {given!r} is not a number above 0 ({self.unit})")
        return number

    def choice(self, default: str) -> str:
        """Return the value, or the default where the variable is not set.

        Raises
        ------
        UserError
            If the value is not one of the choices.
        """
        given = self.given() or default
        if given not in self.choices:
            raise UserError(f"{self.name}: {given!r} is not one of {', '.join(self.choices)}")
        return given

    @property
    def per_subset(self) -> bool:
        """Say whether the declaration stands for one variable per subset."""
        return self.name.endswith(_SUBSET)

    def of_subset(self, subset: str) -> Variable:
        """Return the variable of one subset, whose name is given as in its recipe."""
        return self.named(self.name.replace(_SUBSET, subset.upper()))

    def named(self, name: str) -> Variable:
        """Return the same declaration under another name."""
        return replace(self, name=name)

    def stands_for(self, name: str) -> bool:
        """Return whether a name is that of this variable, or of this variable for some subset."""
        start = self.name.removesuffix(_SUBSET)
        return name == self.name or (self.per_subset and name.startswith(start) and name != start)


PROJECT = Variable(
    "DJ_PROJECT",
    "The project: the folder that holds `recipes/`, `sources.yaml` and `dagster_home/`.",
    "folder",
    "the nearest folder with a `dj_assets.yaml`, from the current one upwards, else the checkout that is installed",
)
HOME = Variable(
    "DJ_HOME",
    "The data home: the results of all subsets of the gallery, on a disk or in an object store.",
    "folder or URL",
    "`data_home` in the project folder",
)
RECIPES = Variable(
    "DJ_RECIPES",
    "More folders with recipes, searched after `recipes/` of the project and before the included ones.",
    "folders, `:` between them",
    "no more folders",
)
MODELS = Variable(
    "DJ_MODELS",
    "Folders that are searched for models and word lists before `models` in the data home.",
    "folders, `:` between them",
    "no more folders",
)
CACHE = Variable(
    "DJ_CACHE",
    "The folder for working copies of files in object stores; with Ray all nodes must share it.",
    "folder",
    "`dj_assets` in the cache folder of the user",
)
SOURCE = Variable(
    "DJ_SOURCE_<SUBSET>",
    "The raw files of a subset; it replaces the entry of `sources.yaml` and the source in the recipe.",
    "paths, URLs and samples (`sample:c4`), `:` between them",
    "`sources.yaml`, else the recipe",
)
AGAINST = Variable(
    "DJ_AGAINST_<SUBSET>",
    "The reference set of a subset; samples that are duplicates of its samples are dropped.",
    "paths and URLs, `:` between them",
    "`<subset>.against` in `sources.yaml`, else the recipe",
)

ENGINE = Variable(
    "DJ_ENGINE",
    "The engine that measures and writes: worker processes of this machine, or a Ray cluster.",
    "`local` or `ray`",
    "`local`",
    choices=("local", "ray"),
)
DEVICE = Variable(
    "DJ_DEVICE",
    "The device that models run on, by the name that PyTorch gives it, such as `cpu` or `cuda:1`.",
    "device",
    "a GPU that no other process uses, else the CPU",
)
ONE_NODE_SAMPLES = Variable(
    "DJ_ONE_NODE_SAMPLES",
    "The largest number of samples whose duplicates one machine finds in memory; above it they are found in pieces.",
    "samples",
    "the number that half of the memory holds",
)
MAX_RECORD_MB = Variable(
    "DJ_MAX_RECORD_MB",
    "The largest record that is read: a JSON record, a row of cells or of Parquet, a member of an archive; a longer "
    "one goes to quarantine. With another value, files are measured again.",
    "MiB",
    "64",
)
KERNELS = Variable(
    "DJ_KERNELS",
    "The compiled kernels: those that the wheel or the set-up brought, or kernels that are compiled at the first run. "
    "With `python` nothing is compiled: models and texts go through the plain libraries, and kernels run as Python "
    "functions, hundreds of times slower, with the same results.",
    "`shipped`, `own` or `python`",
    "`shipped`, where they fit Python, numba and the processor",
    choices=("shipped", "own", "python"),
)
MEDIA_SECONDS = Variable(
    "DJ_MEDIA_SECONDS",
    "The time limit for decoding one image or one clip; a sample that takes longer goes to quarantine.",
    "seconds",
    "60",
)
MEDIA_MEMORY_MB = Variable(
    "DJ_MEDIA_MEMORY_MB",
    "The address space of a process that decodes images and clips.",
    "MB",
    "4000",
)
ALLOW_CODE = Variable(
    "DJ_ALLOW_CODE",
    "Whether Python code of recipes may run (`python_lambda_mapper`, `python_file_mapper`).",
    "`0` or `1`",
    "`0`",
    choices=("0", "1"),
)
LABEL_STUDIO = Variable(
    "DJ_LABEL_STUDIO",
    "The answers of people that `human_preference_annotation_mapper` reads: a JSON file that Label Studio exported.",
    "file",
    "none",
)
LLM = Variable(
    "DJ_LLM",
    "The language model that operators ask: a server with the interface of OpenAI, a JSON file `{prompt: answer}`, or "
    "the models of the recipe in the process itself.",
    "URL, `canned:FILE` or `transformers`",
    "`OPENAI_BASE_URL`",
)
VLM = Variable(
    "DJ_VLM",
    "The vision language model that operators ask about images, if it is another than that of texts.",
    "URL, `canned:FILE` or `transformers`",
    "`DJ_LLM`",
)
PAINTER = Variable(
    "DJ_PAINTER",
    "The back end that paints pairs of images: a diffusion model, or plain pictures for tests.",
    "`diffusers` or `canned`",
    "`diffusers`",
    choices=("diffusers", "canned"),
)
LLM_CALLS = Variable("DJ_LLM_CALLS", "The calls of a language model that one worker has under way.", "calls", "8")
LLM_SECONDS = Variable(
    "DJ_LLM_SECONDS",
    "The time limit for one call of a language model; a recipe can set another by `timeout` in `model_params`.",
    "seconds",
    "120",
)
LLM_MAX_CALLS = Variable(
    "DJ_LLM_MAX_CALLS",
    "The most calls of models that a subset may have made; then the run stops, and goes on once it is higher.",
    "calls",
    "no limit",
)
LLM_MAX_TOKENS = Variable(
    "DJ_LLM_MAX_TOKENS", "The same for tokens, into and out of models that count them.", "tokens", "no limit"
)
LLM_MAX_COST = Variable(
    "DJ_LLM_MAX_COST", "The same for money, by the prices of `DJ_LLM_PRICES`.", "as in the table of prices", "no limit"
)
LLM_PRICES = Variable(
    "DJ_LLM_PRICES",
    'The prices of a million tokens: a JSON file `{"model": {"in": 0.15, "out": 0.6}}`.',
    "file",
)
OPENAI_BASE_URL = Variable(
    "OPENAI_BASE_URL", "The server with the interface of OpenAI, such as `http://127.0.0.1:8000/v1`.", "URL"
)
OPENAI_API_KEY = Variable("OPENAI_API_KEY", "The key for the server of language models.", "text", secret=True)
OPENLINEAGE_URL = Variable(
    "OPENLINEAGE_URL", "The server that gets the OpenLineage events of runs; without it none are made.", "URL"
)
OPENLINEAGE_NAMESPACE = Variable(
    "OPENLINEAGE_NAMESPACE", "The namespace of jobs in OpenLineage events.", "text", "`dj_assets`"
)
HF_ENDPOINT = Variable(
    "HF_ENDPOINT", "The hub of Hugging Face, or a mirror, for `hf://` and models.", "URL", "`https://huggingface.co`"
)
HF_TOKEN = Variable(
    "HF_TOKEN",
    "The token for data sets and models of the hub that need one; it is never written down.",
    "text",
    secret=True,
)
MEDIA_SANDBOX = Variable(
    "DJ_MEDIA_SANDBOX",
    "Whether the process that decodes images and clips is confined: as far as the system can, wholly or not at all.",
    "`auto`, `require` or `off`",
    "`auto`",
    choices=("auto", "require", "off"),
)

NIGHTLY = Variable(
    "DJ_NIGHTLY",
    "The time at which the nightly schedule asks for shards that are missing.",
    "cron expression",
    "`0 2 * * *`",
)
SENSOR_SECONDS = Variable(
    "DJ_SENSOR_SECONDS",
    "The time between two evaluations of a sensor.",
    "seconds",
    "30",
)
SHARDS_A_RUN = Variable(
    "DJ_SHARDS_A_RUN",
    "The number of shards that a backfill gives to one Dagster run.",
    "shards",
    "10",
)
MODEL_POOLS = Variable(
    "DJ_MODEL_POOLS",
    "With `each` every large model has its own Dagster pool; otherwise all large models share one.",
    "`each`",
    "one pool for all large models",
    choices=("each",),
)
EXPLORE = Variable(
    "DJ_EXPLORE",
    "The address of the pages of Explore; `dj-assets dev` sets it for the processes that it starts.",
    "URL",
)

S3_ENDPOINT = Variable(
    "DJ_S3_ENDPOINT",
    "The S3 server, where it is not the one of Amazon (MinIO, Ceph).",
    "URL",
    "`AWS_ENDPOINT_URL_S3`, else `AWS_ENDPOINT_URL`",
)
AZURE_ENDPOINT = Variable(
    "DJ_AZURE_ENDPOINT",
    "The blob server, where it is not the one of Azure (Azurite).",
    "URL",
)
AWS_ENDPOINT_URL_S3 = Variable("AWS_ENDPOINT_URL_S3", "The S3 server, if `DJ_S3_ENDPOINT` is not set.", "URL")
AWS_ENDPOINT_URL = Variable("AWS_ENDPOINT_URL", "The S3 server, if `AWS_ENDPOINT_URL_S3` is not set either.", "URL")
AWS_REGION = Variable("AWS_REGION", "The region of S3 buckets.", "name", "the region of the bucket")
AWS_DEFAULT_REGION = Variable(
    "AWS_DEFAULT_REGION", "The region of S3 buckets, if `AWS_REGION` is not set.", "name", "the region of the bucket"
)
AWS_NO_SIGN_REQUEST = Variable(
    "AWS_NO_SIGN_REQUEST", "Whether public S3 buckets are read without credentials.", "`1`, `true` or `yes`"
)
AWS_ACCESS_KEY_ID = Variable("AWS_ACCESS_KEY_ID", "The key id for S3.", "text", secret=True)
AWS_SECRET_ACCESS_KEY = Variable("AWS_SECRET_ACCESS_KEY", "The secret key for S3.", "text", secret=True)
AWS_SESSION_TOKEN = Variable("AWS_SESSION_TOKEN", "The token of a temporary S3 session.", "text", secret=True)
STORAGE_EMULATOR_HOST = Variable(
    "STORAGE_EMULATOR_HOST", "An emulator that replaces Google Cloud Storage, such as `http://127.0.0.1:9023`.", "URL"
)
AZURE_STORAGE_ACCOUNT = Variable("AZURE_STORAGE_ACCOUNT", "The storage account of `az://` URLs.", "name")
AZURE_STORAGE_ACCOUNT_NAME = Variable(
    "AZURE_STORAGE_ACCOUNT_NAME", "The storage account, if `AZURE_STORAGE_ACCOUNT` is not set.", "name"
)
AZURE_STORAGE_KEY = Variable("AZURE_STORAGE_KEY", "The key of the storage account.", "text", secret=True)
AZURE_STORAGE_ACCOUNT_KEY = Variable(
    "AZURE_STORAGE_ACCOUNT_KEY", "The key of the account, if `AZURE_STORAGE_KEY` is not set.", "text", secret=True
)
AZURE_STORAGE_SAS_TOKEN = Variable(
    "AZURE_STORAGE_SAS_TOKEN", "A token for the storage account, used if there is no key.", "text", secret=True
)
AZURE_STORAGE_CONNECTION_STRING = Variable(
    "AZURE_STORAGE_CONNECTION_STRING",
    "A secret of other Azure programs; it is read only to keep it out of messages.",
    "text",
    secret=True,
)
AZURE_CLIENT_SECRET = Variable(
    "AZURE_CLIENT_SECRET",
    "The secret of an Azure application, used by the default chain of Azure; it is kept out of messages.",
    "text",
    secret=True,
)

DAGSTER_HOME = Variable(
    "DAGSTER_HOME",
    "The folder of the Dagster instance.",
    "folder",
    "`dagster_home` in the project folder",
)
RAY_ADDRESS = Variable(
    "RAY_ADDRESS",
    "The Ray cluster for the engine `ray`.",
    "`HOST:PORT`",
    "a cluster that runs on this machine, else one that is started",
)
NUMBA_CACHE_DIR = Variable(
    "NUMBA_CACHE_DIR",
    "The folder for kernels that are compiled on this machine, because the wheel has none that fit.",
    "folder",
    "the folder of the modules, else `~/.cache/numba`, else they are not kept",
)
NUMBA_CPU_NAME = Variable(
    "NUMBA_CPU_NAME",
    "The processor that kernels are compiled for; with another than the default, they are compiled at the first run.",
    "name of LLVM",
    "`x86-64-v3` or, on ARM, `generic`; else this processor",
)
XDG_CACHE_HOME = Variable("XDG_CACHE_HOME", "The cache folder of the user.", "folder", "`~/.cache`")

GROUPS: dict[str, tuple[Variable, ...]] = {
    "Folders and files": (PROJECT, HOME, RECIPES, MODELS, CACHE, SOURCE, AGAINST),
    "Runs": (
        ENGINE,
        DEVICE,
        ONE_NODE_SAMPLES,
        MAX_RECORD_MB,
        KERNELS,
        MEDIA_SECONDS,
        MEDIA_MEMORY_MB,
        MEDIA_SANDBOX,
        ALLOW_CODE,
    ),
    "Language models": (
        LABEL_STUDIO,
        LLM,
        VLM,
        PAINTER,
        LLM_CALLS,
        LLM_SECONDS,
        LLM_MAX_CALLS,
        LLM_MAX_TOKENS,
        LLM_MAX_COST,
        LLM_PRICES,
        OPENAI_BASE_URL,
        OPENAI_API_KEY,
    ),
    "Dagster": (NIGHTLY, SENSOR_SECONDS, SHARDS_A_RUN, MODEL_POOLS, EXPLORE),
    "Object stores": (S3_ENDPOINT, AZURE_ENDPOINT),
    "Variables of other programs": (
        OPENLINEAGE_URL,
        OPENLINEAGE_NAMESPACE,
        AWS_ENDPOINT_URL_S3,
        AWS_ENDPOINT_URL,
        AWS_REGION,
        AWS_DEFAULT_REGION,
        AWS_NO_SIGN_REQUEST,
        AWS_ACCESS_KEY_ID,
        AWS_SECRET_ACCESS_KEY,
        AWS_SESSION_TOKEN,
        STORAGE_EMULATOR_HOST,
        AZURE_STORAGE_ACCOUNT,
        AZURE_STORAGE_ACCOUNT_NAME,
        AZURE_STORAGE_KEY,
        AZURE_STORAGE_ACCOUNT_KEY,
        AZURE_STORAGE_SAS_TOKEN,
        AZURE_STORAGE_CONNECTION_STRING,
        AZURE_CLIENT_SECRET,
        HF_ENDPOINT,
        HF_TOKEN,
        DAGSTER_HOME,
        RAY_ADDRESS,
        NUMBA_CACHE_DIR,
        NUMBA_CPU_NAME,
        XDG_CACHE_HOME,
    ),
}
ALL: tuple[Variable, ...] = tuple(variable for group in GROUPS.values() for variable in group)
SECRETS: tuple[Variable, ...] = tuple(variable for variable in ALL if variable.secret)


def own_values() -> dict[str, str]:
    """Return all variables of this package that the environment sets, by name: processes elsewhere need them, too.

    The server of language models is one of them, and the key of the user is not: nobody else may read it.
    """
    own = {name: value for name, value in os.environ.items() if name.startswith(_PREFIX)}
    server = OPENAI_BASE_URL.given()
    return own if server is None else {**own, OPENAI_BASE_URL.name: server}


# Shorter values are no secrets, and replacing them would damage every message.
_LEAST_SECRET = 6


def without_secrets(message: str) -> str:
    """Return a message without the values of credentials, in case a library or a server repeats them."""
    for variable in SECRETS:
        value = variable.given() or ""
        if len(value) >= _LEAST_SECRET:
            message = message.replace(value, "***")
    return message
