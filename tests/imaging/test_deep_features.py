"""Deep features see the lesion's largest slices, come from any layout of weights, and repeat to the bit."""

import numpy as np
import pytest
import SimpleITK as sitk

from helpers.errors import RadiogramError
from helpers.imaging import deep, weights
from helpers.parameters import Deep

SMALL = "convnext_atto"  # 3 million parameters; the names of its tensors are ConvNeXt-Tiny's


def settings(**changes) -> Deep:
    values = {"enabled": True, "backbone": SMALL, "weights": "random", "slices": 2, "margin": 4.0, "size": 32}
    return Deep(**(values | changes))


@pytest.fixture(scope="module")
def network():
    return deep.load_backbone(settings(), 7)


def features(builders, *, options=None, seed=7):
    scan, lesion = builders.volume(builders.texture()), builders.volume(builders.ball())
    return deep.features(scan, lesion, deep=options or settings(), window=(800.0, 1200.0), seed=seed)


def to_torchvision(state):
    """timm's names -> torchvision's, written independently of the reader."""
    renamed = {}
    for name, tensor in state.items():
        part = name.split(".")
        if part[0] == "stem":
            new = f"features.0.{part[1]}.{part[2]}"
        elif part[2] == "downsample":
            new = f"features.{2 * int(part[1])}.{part[3]}.{part[4]}"
        elif part[0] == "stages":
            place = {"conv_dw": "block.0", "norm": "block.2", "mlp.fc1": "block.3", "mlp.fc2": "block.5"}
            block = f"features.{2 * int(part[1]) + 1}.{part[3]}."
            inner = ".".join(part[4:-1])
            new = block + ("layer_scale" if part[-1] == "gamma" else f"{place[inner]}.{part[-1]}")
            tensor = tensor[:, None, None] if part[-1] == "gamma" else tensor
        else:
            new = f"classifier.0.{part[2]}"
        renamed[new] = tensor
    return renamed


def to_facebook(state):
    """timm's names -> those of facebookresearch/ConvNeXt, under its top-level key."""
    renamed = {}
    for name, tensor in state.items():
        new = name.replace("stem.", "downsample_layers.0.").replace(".blocks.", ".").replace("conv_dw", "dwconv")
        new = new.replace("mlp.fc", "pwconv").replace("head.norm", "norm")
        if ".downsample." in new:
            _, stage, _, rest = new.split(".", 3)
            new = f"downsample_layers.{stage}.{rest}"
        linear = "pwconv" in new and new.endswith("weight")
        renamed[new] = tensor.reshape(tensor.shape[:2]) if linear else tensor
    return {"model": renamed | {"head.weight": tensor.new_zeros(1000, 2), "head.bias": tensor.new_zeros(1000)}}


def with_prefix(state):
    return {"state_dict": {f"module.{name}": tensor for name, tensor in state.items()}}


@pytest.mark.parametrize("layout", [dict, to_torchvision, to_facebook, with_prefix])
def test_every_layout_of_names_gives_the_same_network(tmp_path, network, layout):
    import torch

    path = tmp_path / "weights.pth"
    torch.save(layout(network.state_dict()), path)
    loaded = deep.load_backbone(settings(weights=str(path)), 99)
    for name, tensor in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name


def test_torchvision_own_convnext_computes_the_same_in_our_network():
    import timm
    import torch
    import torchvision

    with torch.random.fork_rng():
        torch.manual_seed(0)
        theirs = torchvision.models.convnext_tiny(weights=None).eval()
        for block in (m for m in theirs.modules() if hasattr(m, "layer_scale")):
            torch.nn.init.uniform_(block.layer_scale, 0.5, 1.5)
    ours = timm.create_model("convnext_tiny", pretrained=False, num_classes=0).eval()
    state = weights.to_timm(theirs.state_dict(), ours)
    ours.load_state_dict({name: state[name] for name in ours.state_dict()})
    x = torch.linspace(-2, 2, 3 * 64 * 64).reshape(1, 3, 64, 64)
    with torch.inference_mode():
        pooled = theirs.classifier[1](theirs.classifier[0](theirs.avgpool(theirs.features(x))))
        torch.testing.assert_close(ours(x), pooled, rtol=1e-4, atol=1e-4)


def test_safetensors_are_read(tmp_path, network):
    import torch
    from safetensors.torch import save_file

    save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, tmp_path / "w.safetensors")
    loaded = deep.load_backbone(settings(weights=str(tmp_path / "w.safetensors")), 1)
    assert torch.equal(loaded.state_dict()["stem.0.weight"], network.state_dict()["stem.0.weight"])


def test_same_seed_gives_the_same_floats_and_another_seed_others(builders, network):
    first = features(builders)
    deep.load_backbone.cache_clear()
    assert features(builders) == first
    assert features(builders, seed=8) != first
    assert list(first)[:2] == ["deep_0", "deep_1"]
    assert len(first) == deep.feature_count(SMALL) == 320


def test_drawing_random_weights_leaves_the_global_generator_alone():
    import torch

    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    deep.load_backbone.cache_clear()
    deep.load_backbone(settings(), 5)
    assert torch.equal(torch.rand(3), expected)


def test_known_width_is_timms():
    import timm
    import torch

    with torch.device("meta"):
        for backbone, width in deep.WIDTHS.items():
            assert timm.create_model(backbone, num_classes=0).num_features == width


def test_largest_slices_are_chosen_and_no_empty_ones():
    mask = np.zeros((6, 5, 5), dtype=bool)
    mask[1, :2, :2] = mask[3, :4, :4] = mask[4, :3, :3] = True
    assert deep.largest_slices(mask, 2) == [3, 4]
    assert deep.largest_slices(mask, 9) == [1, 3, 4]


def test_patch_is_square_in_millimeters_and_centered_on_the_lesion(builders):
    values = np.zeros((5, 40, 60), dtype=np.float32)
    values[:, 10:20, 30:50] = 1
    scan = builders.volume(values, spacing=(0.5, 1.0, 3.0))
    lesion = builders.volume((values > 0).astype(np.uint8), spacing=(0.5, 1.0, 3.0))
    patch = deep.patches(scan, lesion, deep=settings(slices=1, margin=5.0, size=80), window=(0.0, 1.0))[0, 0]
    bright = patch > (patch.min() + patch.max()) / 2
    assert bright.sum(axis=0).max() == bright.sum(axis=1).max() == 40  # 10 mm of 20 mm in both directions
    assert np.array_equal(bright, bright[::-1, ::-1])


def test_patches_do_not_depend_on_how_the_file_is_oriented(builders):
    scan, lesion = builders.volume(builders.texture()), builders.volume(builders.ball())
    sagittal = [sitk.DICOMOrient(image, "AIR") for image in (scan, lesion)]
    options = {"deep": settings(), "window": None}
    assert np.array_equal(deep.patches(scan, lesion, **options), deep.patches(*sagittal, **options))


def test_missing_weights_file_is_named():
    with pytest.raises(RadiogramError, match=r"deep\.weights: there is no file /nowhere/tiny\.pth"):
        deep.weights_record(settings(weights="/nowhere/tiny.pth"))


def test_unreachable_hub_says_what_to_put_where(monkeypatch):
    import huggingface_hub

    def unreachable(*args, **kwargs):
        raise OSError("no route")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", unreachable)
    weights._from_hub.cache_clear()
    with pytest.raises(
        RadiogramError, match=r"download model\.safetensors of timm/convnext_tiny\..*--set deep\.weights="
    ):
        deep.weights_record(settings(backbone="convnext_tiny", weights="imagenet"))


def test_hub_weights_are_recorded_with_hash_and_license(monkeypatch, tmp_path):
    import huggingface_hub

    (tmp_path / "model.safetensors").write_bytes(b"abc")
    file = str(tmp_path / "model.safetensors")
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda *args, **kwargs: file)
    weights._from_hub.cache_clear()
    record = deep.weights_record(settings(backbone="convnext_tiny", weights="imagenet"))
    weights._from_hub.cache_clear()
    assert record["sha256"].startswith("ba7816bf")
    assert record["license"] == "apache-2.0"
    assert record["name"].startswith("timm/convnext_tiny")


def test_file_that_is_no_checkpoint_is_refused(tmp_path):
    (tmp_path / "weights.pth").write_text("hello")
    with pytest.raises(RadiogramError, match=r"weights\.pth cannot be opened as weights"):
        deep.load_backbone(settings(weights=str(tmp_path / "weights.pth")), 1)


def test_checkpoint_of_another_network_is_refused(tmp_path):
    import torch

    torch.save({"stem.0.weight": torch.zeros(3)}, tmp_path / "weights.pth")
    with pytest.raises(RadiogramError, match=r"weights\.pth does not fit the backbone"):
        deep.load_backbone(settings(weights=str(tmp_path / "weights.pth")), 1)


def test_unknown_backbone_suggests_a_near_one():
    with pytest.raises(RadiogramError, match=r"timm knows no model convnext_tinny\. Did you mean convnext_tiny\?"):
        deep.load_backbone(settings(backbone="convnext_tinny"), 1)
