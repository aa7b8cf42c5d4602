from __future__ import annotations

import numpy as np
import pytest

from dj_assets.replay.partitioned.exchange import gather, receiver_of, records, scatter


def test_every_record_arrives_once_in_the_order_of_the_senders(tmp_path):
    rng = np.random.default_rng(0)
    paths, sent = [tmp_path / "deep" / str(n) for n in range(3)], []
    for path, size in zip(paths, (50, 0, 200), strict=True):
        own = records(value=rng.integers(0, 2**64, size, np.uint64), place=np.arange(size))
        scatter(path, own, receiver_of(own["value"], 7), 7)
        sent.append(own)
    everything = np.concatenate(sent)
    receivers = receiver_of(everything["value"], 7)
    for receiver in range(7):
        assert gather(paths, receiver).tolist() == everything[receivers == receiver].tolist()
    assert min(np.bincount(receivers)) > 10, "spread evenly"


def test_bytes_are_told_apart_by_all_of_them(tmp_path):
    values = np.frombuffer(b"".join(b"%015d" % n + bytes([n % 2]) for n in range(100)), "S16")
    receivers = receiver_of(values, 5)
    assert (receivers == receiver_of(values.copy(), 5)).all()
    scatter(tmp_path / "a", records(value=values), receivers, 5)
    back = np.concatenate([gather([tmp_path / "a"], receiver)["value"] for receiver in range(5)])
    assert sorted(back.tobytes()[i : i + 16] for i in range(0, 1600, 16)) == sorted(
        values.tobytes()[i : i + 16] for i in range(0, 1600, 16)
    )
    assert len(set(receivers.tolist())) == 5


def test_a_killed_sender_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(np, "save", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        scatter(tmp_path / "a", np.arange(3), np.zeros(3, np.int64), 1)
    assert list(tmp_path.iterdir()) == []
