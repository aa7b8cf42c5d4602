from __future__ import annotations

import pytest

from dj_assets.errors import UserError
from dj_assets.sandbox.hook_file import load_hook

METRICS = "metrics: {loss: {higher_is_better: false}}\n"


def load(tmp_path, text):
    path = tmp_path / "hook.yaml"
    path.write_text(text)
    return load_hook(path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (METRICS, "needs a command: one of train, infer, eval"),
        ("train: [a, '{sed}']\n" + METRICS, "unknown placeholder {sed}; did you mean {seed}?"),
        ("train: [a]\ntimeout: 3\n" + METRICS, "timeout: unknown key; did you mean 'timeout_s'?"),
        ("train: [a]\n", "metrics: Field required"),
        ("train: [a]\nmetrics: {loss: {}}\n", "metrics.loss.higher_is_better: Field required"),
        ("train: [a]\nfiles: [gone.py]\n" + METRICS, "no such file or folder: gone.py"),
    ],
)
def test_mistakes_are_one_line_with_file_and_key(tmp_path, text, told):
    with pytest.raises(UserError, match=r"hook\.yaml: ") as error:
        load(tmp_path, text)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_identity_is_what_runs_and_not_how(tmp_path):
    (tmp_path / "train.py").write_text("1")
    base = "train: python train.py '{data}'\n" + METRICS
    identity = load(tmp_path, base).identity()
    assert load(tmp_path, base + "timeout_s: 3\nslots: 2\nrepeats: 9\n").identity() == identity
    assert load(tmp_path, base + "environment: {A: b}\n").identity() != identity
    assert load(tmp_path, base.replace("'{data}'", "'{data}' -v")).identity() != identity
    (tmp_path / "train.py").write_text("2")
    assert load(tmp_path, base).identity() != identity


def test_other_braces_are_the_users(tmp_path):
    hook = load(tmp_path, """train: [a, '{"lr": 1}', '{data}']\n""" + METRICS)
    assert hook.train == ("a", '{"lr": 1}', "{data}")
