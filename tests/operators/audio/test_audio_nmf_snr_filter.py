"""The ratio of signal to noise of sounds: the values of librosa and scikit-learn, and sounds without a ratio."""

from __future__ import annotations

import sys
import wave
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from dj_assets.media.sound_noise import SignalToNoise
from tests.operators.audio.test_audio_filters import column, ids, run, sounds

RATE = 16_000
# What Data-Juicer's function returns for the sounds of `noisy`, by librosa 0.11 and scikit-learn 1.9.
WANTED = {3000: 4.88769, 16_000: 6.92194, 40_000: 14.32410}


def noisy(samples: int) -> np.ndarray:
    """Return a tone that wavers, with noise; `int16`."""
    times = np.arange(samples) / RATE
    tone = 0.5 * np.sin(2 * np.pi * 440 * times * (1 + 0.1 * np.sin(times)))
    noise = np.random.default_rng(samples).standard_normal(samples)
    return np.rint((tone + 0.05 * noise) * 32767).clip(-32768, 32767).astype("<i2")


def wav(path: Path, samples: np.ndarray, channels: int = 1) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return path


def test_ratios_are_those_of_data_juicer(tmp_path):
    for count in WANTED:
        wav(tmp_path / f"{count}.wav", noisy(count))
    wav(tmp_path / "two.wav", np.repeat(noisy(3000), 2), channels=2)
    records = [*(sounds(str(count), f"{count}.wav") for count in WANTED), sounds("two", "two.wav"), sounds("none")]
    out = run(tmp_path, records, [{"audio_nmf_snr_filter": {"min_snr": 1}}])
    found = column(out, "audio_nmf_snr")
    assert found.pop("none") == []
    assert found.pop("two") == pytest.approx([WANTED[3000]], abs=1e-3)
    assert {name: ratio for name, [ratio] in found.items()} == pytest.approx(
        {str(count): ratio for count, ratio in WANTED.items()}, abs=1e-3
    )
    assert ids(out) == [*(str(count) for count, ratio in WANTED.items() if ratio >= 1), "two", "none"]


def test_silence_has_no_noise_and_few_samples_have_no_ratio(tmp_path):
    wav(tmp_path / "silence.wav", np.zeros(3000, "<i2"))
    wav(tmp_path / "short.wav", noisy(300))
    out = run(tmp_path, [sounds("silence", "silence.wav"), sounds("short", "short.wav")], ["audio_nmf_snr_filter"])
    assert column(out, "audio_nmf_snr")["silence"] == [sys.float_info.max]
    assert ids(out) == ["silence"], "the usual upper bound is none"
    [lost] = pq.read_table(out / "quarantine.parquet").to_pylist()
    assert "has 300 samples, too few for a ratio" in lost["error"]


def test_one_step_is_less_than_many(tmp_path):
    wav(tmp_path / "a.wav", noisy(16_000))
    records = [sounds("a", "a.wav")]
    process = [{"audio_nmf_snr_filter": {"nmf_iter_num": 1, "min_snr": -100}}]
    first = column(run(tmp_path, records, process), "audio_nmf_snr")["a"]
    assert first != pytest.approx([WANTED[16_000]], abs=0.1)
    assert SignalToNoise(1) != SignalToNoise(500), "another number of steps is another feature"
