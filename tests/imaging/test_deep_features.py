"""Deep features see the lesion's largest slices, come from any layout of weights, and repeat to the bit."""

import itertools
from importlib import metadata
from importlib.util import find_spec

import numpy as np
import pytest
import SimpleITK as sitk

from helpers.errors import RadiogramError
from helpers.imaging import deep, deep_backend, extract, slices, weights
from helpers.parameters import Deep
from helpers.study import load

SMALL = "convnext_atto"  # 3 million parameters; the names of its tensors are ConvNeXt-Tiny's


def settings(**changes) -> Deep:
    values = {"enabled": True, "backbone": SMALL, "weights": "random", "slices": 2, "margin": 4.0, "size": 32}
    return load("demo").parameters.deep.model_copy(update=values | changes)


@pytest.fixture(scope="module")
def network():
    return deep_backend.load_backbone(settings(), 7)


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


@pytest.mark.slow
@pytest.mark.parametrize("layout", [dict, to_torchvision, to_facebook, with_prefix])
def test_every_layout_of_names_gives_the_same_network(tmp_path, network, layout):
    import torch

    path = tmp_path / "weights.pth"
    torch.save(layout(network.state_dict()), path)
    loaded = deep_backend.load_backbone(settings(weights=str(path)), 99)
    for name, tensor in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name


@pytest.mark.slow
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
    loaded = deep_backend.load_backbone(settings(weights=str(tmp_path / "w.safetensors")), 1)
    assert torch.equal(loaded.state_dict()["stem.0.weight"], network.state_dict()["stem.0.weight"])


@pytest.mark.slow
def test_same_seed_gives_the_same_floats_and_another_seed_others(builders, network):
    first = features(builders)
    deep_backend.forward.cache_clear()
    assert features(builders) == first
    assert features(builders, seed=8) != first
    assert list(first)[:2] == ["deep_0", "deep_1"]
    assert len(first) == deep.feature_count(SMALL) == 320


def test_drawing_random_weights_leaves_the_global_generator_alone():
    import torch

    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    deep_backend.load_backbone(settings(), 5)
    assert torch.equal(torch.rand(3), expected)


def test_known_widths_are_timms():
    import timm
    import torch

    with torch.device("meta"):
        for backbone, widths in deep.WIDTHS.items():
            network = timm.create_model(backbone)
            assert {"pooled": network.num_features, "logits": network.num_classes} == widths


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


def test_turning_a_volume_needs_no_copy_and_gives_what_the_orientation_filter_gives(builders):
    scan = builders.volume(builders.texture())
    tilt = np.deg2rad(20)
    scan.SetDirection((1, 0, 0, 0, np.cos(tilt), -np.sin(tilt), 0, np.sin(tilt), np.cos(tilt)))
    codes = ("".join(p) for order in itertools.permutations(("RL", "AP", "IS")) for p in itertools.product(*order))
    for code in codes:
        turned = sitk.DICOMOrient(scan, code)
        values, spacing = slices._oriented(turned)
        expected = slices.axial(turned)
        assert np.array_equal(values, sitk.GetArrayViewFromImage(expected)), code
        assert np.allclose(spacing, expected.GetSpacing()[::-1]), code


def ramp(builders, axis):
    """Intensities that rise along an axis by 10 a voxel, and a lesion off center."""
    values = np.moveaxis(np.broadcast_to(10.0 * np.arange(20), (20, 20, 20)), -1, axis).astype(np.float32)
    mask = np.zeros((20, 20, 20), dtype=np.uint8)
    mask[4:9, 6:13, 5:15] = 1
    return builders.volume(values, spacing=(1, 1, 1)), builders.volume(mask, spacing=(1, 1, 1))


def test_the_neighbors_of_a_slice_are_its_colors(builders):
    shown = deep.patches(*ramp(builders, 0), deep=settings(slices=1, slices_rule="2.5d"), window=(0.0, 100.0))
    assert shown.shape == (1, 3, 32, 32)
    np.testing.assert_allclose(shown[0].mean(axis=(1, 2)), [0.3, 0.4, 0.5], rtol=1e-6)


def test_at_the_edge_of_the_volume_the_slice_stands_in_for_its_missing_neighbor(builders):
    scan, lesion = ramp(builders, 0)
    mask = np.zeros((20, 20, 20), dtype=np.uint8)
    mask[:2, 6:13, 5:15] = 1
    lesion = builders.volume(mask, spacing=(1, 1, 1))
    shown = deep.patches(scan, lesion, deep=settings(slices=1, slices_rule="2.5d"), window=(0.0, 100.0))
    np.testing.assert_allclose(shown[0].mean(axis=(1, 2)), [0.0, 0.0, 0.1], atol=1e-7)


def test_three_planes_cross_the_lesion_at_one_scale_with_the_head_up(builders):
    options = settings(slices=1, slices_rule="2.5d_planes", margin=2.0)
    axial, coronal, sagittal = deep.patches(*ramp(builders, 0), deep=options, window=(0.0, 190.0))
    assert axial[1].std() < 1e-6
    for upright in (coronal, sagittal):
        assert np.all(upright[1][0] > upright[1][-1])  # the last slice, nearest the head, is at the top
        assert upright[1].std(axis=1).max() < 1e-6
    _, coronal, _ = deep.patches(*ramp(builders, 2), deep=options, window=(0.0, 190.0))
    width_mm = 14 * (32 - 1) / 32  # the longest side of 10 mm and twice the margin, between centers of pixels
    np.testing.assert_allclose(coronal[1][0, -1] - coronal[1][0, 0], width_mm * 10 / 190, rtol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "max", "mean_max"])
def test_pooling_over_slices_is_what_it_says(builders, pooling):
    scan, lesion = builders.volume(builders.texture()), builders.volume(builders.ball())
    options = settings(slices=6, pooling=pooling)
    vectors = deep_backend.forward(options, 7)(deep.patches(scan, lesion, deep=options, window=None))
    found = deep.features(scan, lesion, deep=options, window=None, seed=7)
    mean, maximum = vectors.mean(axis=0), vectors.max(axis=0)
    expected = {"mean": mean, "max": maximum, "mean_max": np.concatenate([mean, maximum])}[pooling]
    assert np.array_equal(np.array(list(found.values()), dtype=np.float32), expected)
    assert len(found) == deep.feature_count(SMALL, pooling) and vectors.shape == (6, 320)
    assert ("deep_max_0" in found) == (pooling == "mean_max")


def test_what_is_measured_together_or_on_how_many_threads_changes_no_bit(builders):
    lesions = [
        (builders.volume(builders.texture(seed=n)), builders.volume(builders.ball(radius=3.0 + n)), None)
        for n in range(4)
    ]
    options = settings(slices=5)
    alone = [deep.features(scan, lesion, deep=options, window=window, seed=7) for scan, lesion, window in lesions]
    assert deep.features_of(lesions, deep=options, seed=7) == alone
    assert deep.features_of(lesions[::-1], deep=options, seed=7, threads=3) == alone[::-1]


def test_linear_layers_compute_what_torch_computes(builders):
    import torch

    options = settings(backbone="deit_tiny_patch16_224", size=224)
    squares = deep.patches(*ramp(builders, 1), deep=options, window=(0.0, 190.0))
    mean, sd = (np.array(part, dtype=np.float32)[:, None, None] for part in weights.color_scale(options.backbone))
    with torch.inference_mode():
        plain = deep_backend.load_backbone(options, 3)(torch.from_numpy((squares - mean) / sd)).numpy()
    ours = deep_backend.forward(options, 3)(squares)
    np.testing.assert_allclose(ours, plain, atol=2e-5 * np.abs(plain).max())
    assert ours.shape == (2, deep.feature_count(options.backbone))


@pytest.mark.parametrize("backbone", ["resnet18", "mobilenetv3_small_050"])
def test_other_backbones_give_their_own_number_of_features(builders, backbone):
    found = features(builders, options=settings(backbone=backbone))
    assert len(found) == deep.feature_count(backbone) == {"resnet18": 512, "mobilenetv3_small_050": 1024}[backbone]
    assert np.std(list(found.values())) > 0


def logits_network(backbone, seed):
    """timm's own model with its classifier, drawn by that seed."""
    import timm
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return timm.create_model(backbone, pretrained=False).eval()


@pytest.mark.parametrize("backbone", [SMALL, "resnet18"])
def test_logits_are_what_timms_own_model_says_of_the_same_square(builders, backbone):
    import torch

    options = settings(backbone=backbone, layer="logits", slices=1)
    scan, lesion = builders.volume(builders.texture()), builders.volume(builders.ball())
    squares = deep.patches(scan, lesion, deep=options, window=(800.0, 1200.0))
    mean, sd = (np.array(part, dtype=np.float32)[:, None, None] for part in weights.color_scale(backbone))
    with torch.inference_mode():
        plain = logits_network(backbone, 7)(torch.from_numpy((squares - mean) / sd)).numpy()[0]
    found = features(builders, options=options)
    assert list(found) == [f"deep_{i}" for i in range(1000)]
    assert len(found) == deep.feature_count(backbone, layer="logits")
    np.testing.assert_allclose(list(found.values()), plain, atol=2e-5 * np.abs(plain).max())


def test_resnet50_has_a_thousand_logits_and_2048_pooled_features(builders):
    for layer, count in (("logits", 1000), ("pooled", 2048)):
        found = features(builders, options=settings(backbone="resnet50", layer=layer, slices=1))
        assert len(found) == deep.feature_count("resnet50", layer=layer) == count
        assert np.std(list(found.values())) > 0


@pytest.mark.parametrize("layout", [dict, to_facebook, with_prefix])
def test_the_classifier_of_a_file_is_read_from_every_layout(tmp_path, layout):
    import torch

    state = logits_network(SMALL, 5).state_dict()
    stored = layout({name: tensor for name, tensor in state.items() if not name.startswith("head.fc.")})
    inner = next((stored[key] for key in ("model", "state_dict") if key in stored), stored)
    prefix = {"dict": "head.fc.", "to_facebook": "head.", "with_prefix": "module.head.fc."}[layout.__name__]
    inner |= {f"{prefix}{part}": state[f"head.fc.{part}"] for part in ("weight", "bias")}
    torch.save(stored, tmp_path / "weights.pth")
    loaded = deep_backend.load_backbone(settings(weights=str(tmp_path / "weights.pth"), layer="logits"), 99)
    for name, tensor in state.items():
        assert torch.equal(loaded.state_dict()[name], tensor), name


def test_torchvisions_resnet_gives_its_own_logits(tmp_path):
    import torch
    import torchvision

    theirs = torchvision.models.resnet18(weights=None).eval()
    torch.save(theirs.state_dict(), tmp_path / "resnet18.pth")
    options = settings(backbone="resnet18", weights=str(tmp_path / "resnet18.pth"), layer="logits")
    x = torch.linspace(-2, 2, 3 * 64 * 64).reshape(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(deep_backend.load_backbone(options, 1)(x), theirs(x), rtol=1e-4, atol=1e-4)


def test_logits_of_weights_without_a_classifier_are_refused_before_the_first_case(tmp_path, network):
    import torch

    torch.save(network.state_dict(), tmp_path / "headless.pth")
    options = settings(weights=str(tmp_path / "headless.pth"), layer="logits")
    with pytest.raises(
        RadiogramError, match=r"headless\.pth has none: give weights with their classifier, or set deep"
    ):
        deep.weights_record(options)
    assert deep.weights_record(options.model_copy(update={"layer": "pooled"}))["source"] == "local file"


def test_logits_of_a_backbone_without_a_classifier_are_refused():
    with pytest.raises(RadiogramError, match=r"dinov2 has no classifier: set deep\.layer=pooled"):
        deep.feature_count("vit_small_patch14_dinov2", layer="logits")


def test_pooled_features_are_kept_where_they_were_kept_before_there_were_layers():
    before = settings().model_dump(mode="json", exclude={"weights", "layer"})
    assert deep.settings(settings()) == before
    assert deep.settings(settings(layer="logits")) == {**before, "layer": "logits"}


def test_a_random_classifier_is_as_random_as_a_random_network():
    assert deep.weights_record(settings(layer="logits")) == deep.weights_record(settings())
    assert deep.engine(settings(layer="logits"), 1) == deep.engine(settings(), 1)


def test_a_backbone_of_one_image_size_says_which():
    with pytest.raises(RadiogramError, match=r"takes images of 224 x 224 pixels and no others: set deep\.size=224\."):
        deep.weights_record(settings(backbone="deit_tiny_patch16_224", size=256))
    assert deep.weights_record(settings(backbone="deit_tiny_patch16_224", size=224))["source"]


def test_colors_are_scaled_as_the_backbone_was_trained():
    assert weights.color_scale("convnext_tiny") == (weights.IMAGENET_MEAN, weights.IMAGENET_SD)
    assert weights.color_scale("vit_small_patch16_224") == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def test_half_precision_is_near_single_and_is_another_number(builders):
    single = np.array(list(features(builders).values()))
    half = np.array(list(features(builders, options=settings(precision="bfloat16")).values()))
    assert 0 < np.linalg.norm(half - single) < 0.03 * np.linalg.norm(single)


def test_openvino_that_is_not_installed_says_what_to_install(monkeypatch):
    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(deep.metadata, "version", absent)
    with pytest.raises(RadiogramError, match=r"pip install openvino.*deep\.runtime=torch"):
        deep.weights_record(settings(runtime="openvino"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "change", ["precision=bfloat16", "slices_rule=2.5d", "pooling=max", "slices=1", "layer=logits"]
)
def test_what_decides_the_numbers_decides_where_they_are_kept(request, tmp_path, row, change):
    parameters = request.getfixturevalue("settings")
    network = ("deep.enabled=true", f"deep.backbone={SMALL}", "deep.size=32", "radiomics.classes=[shape]")
    rows = [row()]
    found = [
        extract.case_features(rows, parameters=parameters(*network, *more), store=tmp_path / "store").features[0][1]
        for more in ((), (f"deep.{change}",), ())
    ]
    assert found[0] == found[2] and found[0].keys() <= found[1].keys()
    assert found[0]["T1_deep_0"] != found[1]["T1_deep_0"]


@pytest.mark.slow
@pytest.mark.skipif(find_spec("openvino") is None, reason="the package openvino is not installed")
@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-5), ("bfloat16", 0.03)])
def test_openvino_computes_what_torch_computes(builders, precision, tolerance):
    torch_ = np.array(list(features(builders, options=settings(slices=5)).values()))
    found = features(builders, options=settings(slices=5, runtime="openvino", precision=precision))
    assert np.linalg.norm(np.array(list(found.values())) - torch_) < tolerance * np.linalg.norm(torch_)
    assert found == features(builders, options=settings(slices=5, runtime="openvino", precision=precision))


def test_methods_say_slices_pooling_precision_and_runtime():
    versions = {"timm": "1.0", "torch": "2.15", "openvino": "2026.4"}
    said = deep.sentence(settings(backbone="convnext_tiny", slices=3, size=224), versions)
    assert "`convnext_tiny` [@liu2022] in timm 1.0, with random, untrained weights" in said
    assert "run by PyTorch 2.15 in single precision, on the 3 axial slices of largest lesion area, cropped 4 mm" in said
    assert said.endswith("resized to 224 x 224 pixels, averaged over slices.")
    options = settings(
        slices=1, slices_rule="2.5d_planes", pooling="mean_max", precision="bfloat16", runtime="openvino"
    )
    said = deep.sentence(settings(backbone="resnet50", weights="imagenet", layer="logits"), versions)
    outputs = (
        "Deep features are the 1,000 outputs of the classifier (logits, before any softmax) of `resnet50` [@he2016]"
    )
    assert said.startswith(f"{outputs} in timm 1.0, pretrained on ImageNet")
    said = deep.sentence(options, versions)
    assert "run by OpenVINO 2026.4 in bfloat16 precision" in said
    assert (
        "each with its two neighbors as the color channels, in each of the axial, coronal and sagittal planes" in said
    )
    assert said.endswith("reduced to the mean and the maximum over slices.")


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
        deep_backend.load_backbone(settings(weights=str(tmp_path / "weights.pth")), 1)


def test_checkpoint_of_another_network_is_refused(tmp_path):
    import torch

    torch.save({"stem.0.weight": torch.zeros(3)}, tmp_path / "weights.pth")
    with pytest.raises(RadiogramError, match=r"weights\.pth does not fit the backbone"):
        deep_backend.load_backbone(settings(weights=str(tmp_path / "weights.pth")), 1)


def test_unknown_backbone_suggests_a_near_one():
    with pytest.raises(RadiogramError, match=r"timm knows no model convnext_tinny\. Did you mean convnext_tiny\?"):
        deep_backend.load_backbone(settings(backbone="convnext_tinny"), 1)
