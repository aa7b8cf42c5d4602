"""Models of people by checkpoints of transformers: tiny random ones, through the code that loads real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from dj_assets.models.human.identity import face_encoder
from dj_assets.models.human.person_boxes import person_detector
from dj_assets.models.human.sound import sound_classifier
from tests.media.made import pixels

LABELS = {0: "person", 1: "car"}


def write_detector(folder: Path, favourite: int) -> Path:
    """Write an RT-DETR whose queries all are surely of one class; the boxes are random."""
    torch.manual_seed(3)
    layers = {"embedding_size": 8, "hidden_sizes": [8, 8, 8, 8], "depths": [1, 1, 1, 1], "layer_type": "basic"}
    config = transformers.RTDetrConfig(
        backbone_config=transformers.RTDetrResNetConfig(**layers, out_features=["stage2", "stage3", "stage4"]),
        encoder_hidden_dim=16, encoder_in_channels=[8, 8, 8], encoder_ffn_dim=16, encoder_attention_heads=2,
        d_model=16, decoder_in_channels=[16, 16, 16], decoder_ffn_dim=16, decoder_attention_heads=2, decoder_layers=1,
        num_queries=5, num_denoising=0, id2label=LABELS, label2id={name: at for at, name in LABELS.items()},
    )  # fmt: skip
    model = transformers.RTDetrForObjectDetection(config)
    with torch.no_grad():
        for head in model.model.decoder.class_embed:
            head.weight.zero_()
            head.bias.copy_(torch.tensor([4.0 if label == favourite else -4.0 for label in LABELS]))
    model.save_pretrained(folder)
    transformers.RTDetrImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)
    return folder


def test_boxes_of_persons_are_those_of_the_detector_in_pixels_of_the_frame(tmp_path):
    folder, frame = write_detector(tmp_path / "person", 0), pixels(96, 64)
    (boxes,) = person_detector(folder).persons([frame])
    model = transformers.AutoModelForObjectDetection.from_pretrained(folder).eval()
    with torch.inference_mode():
        inputs = transformers.AutoImageProcessor.from_pretrained(folder)(images=frame, return_tensors="pt")
        (raw,) = model(**inputs).pred_boxes.numpy()
    sides = np.column_stack([raw[:, :2] - raw[:, 2:] / 2, raw[:, :2] + raw[:, 2:] / 2]) * [96, 64, 96, 64]
    assert boxes.shape == (5, 4)
    assert np.allclose(np.sort(boxes, axis=0), np.sort(sides, axis=0), atol=1e-3)


def test_boxes_of_other_things_are_left_out(tmp_path):
    first, second = person_detector(write_detector(tmp_path / "car", 1)).persons([pixels(96, 64)] * 2)
    assert first.shape == second.shape == (0, 4)


@pytest.mark.parametrize("pooled", [True, False])
def test_faces_are_compared_by_the_cosine_of_their_vectors(tmp_path, pooled):
    torch.manual_seed(5)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = transformers.ViTConfig(**sizes, image_size=16, patch_size=8)
    transformers.ViTModel(config, add_pooling_layer=pooled).save_pretrained(tmp_path)
    transformers.ViTImageProcessor(size={"height": 16, "width": 16}).save_pretrained(tmp_path)
    encoder = face_encoder(tmp_path)
    one, other = pixels(40, 40, 1), pixels(40, 40, 2)
    vectors = encoder.vectors([one, other])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
    assert encoder.distance(one, one) == pytest.approx(0, abs=1e-6)
    assert encoder.distance(one, other) == pytest.approx(1 - vectors[0] @ vectors[1], abs=1e-5)
    assert encoder.distance(one, other) > 1e-4


def test_the_emotion_of_a_voice_is_the_most_likely_label(tmp_path):
    torch.manual_seed(7)
    emotions = {0: "angry", 1: "calm", 2: "happy"}
    config = transformers.Wav2Vec2Config(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, conv_dim=[8, 8],
        conv_kernel=[10, 8], conv_stride=[8, 8], num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2,
        classifier_proj_size=8, id2label=emotions, label2id={name: at for at, name in emotions.items()},
    )  # fmt: skip
    model = transformers.Wav2Vec2ForSequenceClassification(config)
    with torch.no_grad():
        model.classifier.bias.copy_(torch.tensor([0.0, 0.0, 9.0]))
    model.save_pretrained(tmp_path)
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(tmp_path)
    sound = np.random.default_rng(0).normal(0, 3000, 16_000).astype(np.int16)
    assert sound_classifier(tmp_path).label(sound) == "happy"
