from __future__ import annotations

from pathlib import Path

import pytest

from dj_assets import settings
from dj_assets.errors import UserError
from dj_assets.recipe.load import load_recipe
from dj_assets.urls import checked_url, copy_folder, is_url, split_locations, url_of

SECRET = "wJalrXUtnFEMI"


@pytest.mark.parametrize("text", ["s3://b/k", "gs://b", "az://c/x", "memory://x"])
def test_a_url_is_told_from_a_path(text):
    assert is_url(text)
    assert not is_url(text.partition("://")[2])


def test_a_list_is_split_between_places_not_behind_schemes():
    assert split_locations("s3://b/x.jsonl:/data/y.jsonl:gs://c/*.gz:z") == [
        "s3://b/x.jsonl",
        "/data/y.jsonl",
        "gs://c/*.gz",
        "z",
    ]


def test_a_url_has_one_form():
    assert checked_url("s3a://Bucket//a/b/") == "s3://Bucket/a/b"
    assert checked_url("gcs://b") == "gs://b"


@pytest.mark.parametrize("url", [f"s3://AKIA:{SECRET}@b/k", f"s3://{SECRET}@b", f"s3://AKIA:{SECRET}"])
def test_credentials_in_a_url_are_refused_and_not_repeated(url):
    with pytest.raises(UserError, match="must not carry credentials") as caught:
        checked_url(url)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("url", ["s3://", "s3:///key", "s3://b/../c"])
def test_a_url_that_leads_nowhere_is_refused(url):
    with pytest.raises(UserError):
        checked_url(url)


def test_credentials_in_a_recipe_and_in_the_home_are_refused(monkeypatch):
    recipe = {"process": [], "asset": {"subset": "x", "group": "y", "source": {"paths": f"s3://a:{SECRET}@b/x.jsonl"}}}
    with pytest.raises(UserError, match="must not carry credentials") as caught:
        load_recipe(recipe)
    assert SECRET not in str(caught.value)
    monkeypatch.setenv("DJ_HOME", f"s3://a:{SECRET}@b")
    with pytest.raises(UserError, match="must not carry credentials") as caught:
        settings.data_home()
    assert SECRET not in str(caught.value)
    monkeypatch.setenv("DJ_S3_ENDPOINT", f"http://a:{SECRET}@localhost:9000")
    with pytest.raises(UserError, match="DJ_S3_ENDPOINT") as caught:
        copy_folder("s3://b")
    assert SECRET not in str(caught.value)


def test_a_working_copy_knows_its_url(tmp_path, monkeypatch):
    monkeypatch.setenv("DJ_CACHE", str(tmp_path))
    monkeypatch.delenv("DJ_S3_ENDPOINT", raising=False)
    plain = copy_folder("s3://b/home/c4")
    assert url_of(plain) == "s3://b/home/c4"
    assert url_of(Path("/data/c4")) is None
    monkeypatch.setenv("DJ_S3_ENDPOINT", "http://localhost:9000")
    other = copy_folder("s3://b/home/c4")
    assert other != plain
    assert url_of(other) == "s3://b/home/c4"
