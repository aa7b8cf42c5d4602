from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from dj_assets.errors import SourceError, StoreError, UserError
from dj_assets.stores import lease, retry
from dj_assets.stores.globs import matches
from dj_assets.stores.lease import leased
from dj_assets.stores.path import ObjectPath
from dj_assets.stores.retry import retried
from dj_assets.stores.store import ListedObject, Store
from dj_assets.stores.stream import ObjectStream
from dj_assets.variables import without_secrets
from tests.stores.s3 import SECRET


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    monkeypatch.setattr(retry, "_FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(lease, "_LOOK_S", 0.05)


def test_objects_are_written_listed_copied_and_removed(lake, tmp_path):
    store = Store.at(f"{lake}/deep/er")
    (tmp_path / "file").write_bytes(b"x" * 6_000_000)
    assert store.listing() == {}
    assert store.facts("a") is None
    assert store.put("a", b"12345").size == 5
    assert store.upload(tmp_path / "file", "folder/b").size == 6_000_000
    store.copy("a", "c")
    assert {key: facts.size for key, facts in store.listing().items()} == {"a": 5, "c": 5, "folder/b": 6_000_000}
    assert store.listing()["a"] == store.facts("a")
    store.delete(["a", "not there"])
    assert store.facts("a") is None and store.get("c") == b"12345"
    store.download("folder/b", tmp_path / "sub/back")
    assert (tmp_path / "sub/back").read_bytes() == (tmp_path / "file").read_bytes()
    with pytest.raises(FileNotFoundError):
        store.get("a")


def test_the_stores_of_google_and_azure_are_used_alike(other_lake, tmp_path):
    store = Store.at(f"{other_lake}/deep/er")
    content = bytes(range(256)) * 4000
    (tmp_path / "file").write_bytes(content)
    assert store.listing() == {} and store.facts("a") is None
    assert store.put("a", b"12345").size == 5 and store.put("none", b"").size == 0
    assert store.upload(tmp_path / "file", "folder/b").size == len(content)
    store.copy("a", "c")
    listed = {key: facts.size for key, facts in store.listing().items()}
    assert listed == {"a": 5, "c": 5, "none": 0, "folder/b": len(content)}
    assert store.listing()["a"] == store.facts("a")
    store.put("a", b"other")
    assert store.get("a") == b"other" and store.get("none") == b""
    store.download("folder/b", tmp_path / "sub/back")
    assert (tmp_path / "sub/back").read_bytes() == content
    with ObjectStream(Store.at(f"{other_lake}/deep/er/folder/b"), range_bytes=100_000) as stream:
        assert stream.read() == content
    store.delete(["a", "not there"])
    with pytest.raises(FileNotFoundError):
        store.get("a")


def test_a_bucket_that_is_not_there_is_told_by_all(other_lake):
    scheme = other_lake.partition(":")[0]
    with pytest.raises(UserError, match=rf"write {scheme}://nobody-has-this/x: .*check the name"):
        Store.at(f"{scheme}://nobody-has-this").put("x", b"x")


def test_an_object_replaced_while_it_is_read_is_refused_by_all(other_lake):
    Store.at(other_lake).put("x.bin", b"a" * 300)
    with ObjectStream(Store.at(f"{other_lake}/x.bin"), range_bytes=100) as stream:
        assert stream.read(50) == b"a" * 50
        Store.at(other_lake).put("x.bin", b"b" * 300)
        with pytest.raises(SourceError, match="was changed while it was read"):
            stream.readall()


def test_throttling_is_waited_out(lake, s3_server):
    s3_server.set(throttle=3)
    store = Store.at(lake)
    for number in range(4):
        store.put(f"x{number}", b"1")
    assert len(store.listing()) == 4


def test_a_store_that_fails_for_long_is_told_in_one_line():
    def fail() -> None:
        raise OSError("AWS Error SLOW_DOWN during PutObject operation: Please reduce your request rate.")

    with pytest.raises(StoreError, match=r"write s3://b/x: the object store failed 3 times \(AWS Error SLOW_DOWN"):
        retried("write s3://b/x", fail, attempts=3)


def test_what_the_store_refuses_is_not_tried_again():
    calls = []

    def refused() -> None:
        calls.append(1)
        raise OSError("AWS Error ACCESS_DENIED during PutObject operation: Access Denied")

    with pytest.raises(UserError, match="refuses"):
        retried("write s3://b/x", refused)
    assert len(calls) == 1


def test_no_message_repeats_a_secret(lake):
    assert SECRET not in without_secrets(f"the key {SECRET} is not known")


def test_a_lease_keeps_others_out_and_says_who_holds_it(lake):
    store = Store.at(lake)
    with leased(store, "subset", 0):
        with pytest.raises(UserError, match=r"another run is at work there \(process \d+ on "):
            with leased(store, "subset", 0):
                pytest.fail("two owners")
        with leased(store, "other", 0):
            pass
    with leased(store, "subset", 0):
        pass


def test_the_lease_of_a_process_that_is_gone_is_taken_over(lake):
    store = Store.at(lake)
    with leased(store, "subset", 0) as first:
        store.put(first.key, store.get(first.key).replace(b'"process": ', b'"process": 99999999'))
        with leased(store, "subset", 0) as second:
            second.require()
        with pytest.raises(StoreError, match="another run took over"):
            first.require()


def test_the_lease_of_another_machine_is_taken_over_once_nobody_writes_it(lake, monkeypatch):
    store = Store.at(lake)
    with leased(store, "subset", 0) as first:
        first.write(machine="elsewhere")
        with pytest.raises(UserError, match="another run is at work there"):
            with leased(store, "subset", 0):
                pytest.fail("two owners")
        monkeypatch.setattr(lease, "DEAD_AFTER_S", -60)
        with leased(store, "subset", 0):
            with pytest.raises(StoreError, match="another run took over"):
                first.require()


def test_there_are_never_two_owners_however_slow_writes_are(lake, monkeypatch):
    store, chance, put = Store.at(lake), random.Random(5), Store.put
    at_work, taken = [], []

    def slow(self, key, content):
        # some writes arrive long after others that began later
        time.sleep(chance.choice([0, 0, 0.02, 0.3]))
        facts = put(self, key, content)
        time.sleep(chance.choice([0, 0.1]))
        return facts

    def work(number):
        with leased(store, "subset", 120):
            at_work.append(number)
            time.sleep(0.02)
            assert at_work == [number]
            at_work.remove(number)
            taken.append(number)

    monkeypatch.setattr(Store, "put", slow)
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(work, range(12))) == [None] * 12
    assert sorted(taken) == list(range(12))
    assert not [key for key in store.listing() if key.startswith("locks/")]


def test_whoever_has_no_patience_waits_for_a_number_that_is_being_chosen(lake, monkeypatch):
    store = Store.at(lake)
    choosing = lease.Lease(store, "subset", lease._owner())
    choosing.write()
    monkeypatch.setattr(lease, "_CHOOSING_S", 0.3)
    with pytest.raises(UserError, match="another run is at work there"):
        with leased(store, "subset", 0):
            pytest.fail("the other may have the smaller number")
    choosing.write(number=7)
    with pytest.raises(UserError, match="another run is at work there"):
        with leased(store, "subset", 0):
            pytest.fail("the other has the smaller number")
    choosing.release()
    with leased(store, "subset", 0):
        pass


def test_other_schemes_are_opened_by_fsspec():
    store = Store.at("memory://bucket/x")
    assert store.put("a/b.jsonl", b"123") == ListedObject(3, store.facts("a/b.jsonl").mtime_ns)
    assert list(matches(ObjectPath.of("memory://bucket/x/*/*.jsonl"))) == [ObjectPath.of("memory://bucket/x/a/b.jsonl")]
    with pytest.raises(UserError, match="s3://, gs:// and az://"):
        Store.at("nosuch://bucket").listing()


def test_azure_needs_its_account(monkeypatch):
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT", raising=False)
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(UserError, match="AZURE_STORAGE_ACCOUNT"):
        Store.at("az://container/x").listing()
