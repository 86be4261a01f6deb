"""What the methods section says of volumes, networks, pretraining and explanation, from the parameters that ran."""

from __future__ import annotations

from helpers import prose
from helpers.evaluation import saliency_printed
from helpers.imaging import radiotherapy
from helpers.parameters import Fusion, Network, Networks, Parameters, Pretraining, Volumes
from helpers.study import Study

OBJECTIVES = {
    "restore_contrast": "restored volumes of which parts had been hidden or shuffled [@chenl2019], and learned that two corruptions of one "
    "volume belong together and those of different volumes do not (contrastive loss at temperature {temperature:g} [@chent2020])",
    "mae": "restored the {masked:.0f} % of patches that had been hidden (masked autoencoding [@hek2022])",
}
IMBALANCE = {
    "weights": "each class weighing inversely to its frequency among the patients trained on, which was taken off the log odds again",
    "focal": "with focal loss (gamma 2) [@lin2017]",
    "none": "both classes weighing by their numbers",
}
PRECISION = {"32": "", "bf16-mixed": " in mixed precision (bfloat16)", "16-mixed": " in mixed precision (float16)"}


def volumes(study: Study) -> str:
    """What the networks were shown."""
    parameters = study.parameters
    settings = parameters.volumes
    told = (_extent(settings), _scale(parameters), _outside(settings), _missing(settings), _dose(parameters, settings))
    return " ".join(sentence for sentence in told if sentence)


def _extent(settings: Volumes) -> str:
    size = " x ".join(f"{s}" for s in settings.size)
    held = "heads or bodies" if settings.extent == "whole" else f"lesions with a margin of {settings.margin:g} mm"
    return (
        f"Networks saw a box of the same size in mm in every patient, which holds 95 of 100 training {held} (a larger one for what is "
        f"larger), of every sequence on the grid of the first, brought to {size} voxels by linear interpolation."
    )


def _scale(parameters: Parameters) -> str:
    methods = parameters.imaging.normalize
    kept = [s for s in parameters.cohort.sequences if methods.get(s, methods.get("default")) == "none"]
    if not kept:
        return ""
    were = "was" if len(kept) == 1 else "were"
    return (
        f"{prose.listing(kept)}, in physical units, {were} centered and scaled by medians over the training patients."
    )


def _outside(settings: Volumes) -> str:
    return "What lies outside the lesion was set to zero." if settings.outside == "blank" else ""


def _missing(settings: Volumes) -> str:
    if settings.missing == "mask":
        return "A sequence that a patient lacked was masked."
    return "Patients who lacked a sequence were excluded."


def _dose(parameters: Parameters, settings: Volumes) -> str:
    cohort = parameters.cohort
    if not cohort.dose:
        return ""
    by = f"{settings.prescription:g} Gy" if settings.prescription else "the highest dose of each plan"
    target = ", and so was the target volume" if cohort.target else ""
    found = radiotherapy.names(dose=True, target=bool(cohort.target), fractions="fractions" in cohort.plan)
    numbers = prose.listing([radiotherapy.WORDS[name] for name in found])
    return (
        f"The planned dose, divided by {by}, was brought to the same grid{target}. Numbers of the plan are {numbers}."
    )


def networks(study: Study) -> str:
    """Every network, how it was trained, and which predictions were taken from it."""
    parameters = study.parameters
    settings = parameters.networks
    names = prose.listing([f"{n.name} ({_inputs(n, parameters)})" for n in settings.models])
    return (
        f"{_capitals(prose.count(len(settings.models), 'network'))}: {names}.{_read_out(parameters)} {_training(parameters)} "
        f"{_stopping(settings)} {_predictions(parameters)} {_fusions(settings)}"
    ).strip()


def _read_out(parameters: Parameters) -> str:
    """How transformers of images come from patches to a case, where there are any."""
    if not any(n.architecture == "transformer" and "images" in n.inputs for n in parameters.networks.models):
        return ""
    closed = (
        " Patches without any of the lesion were closed to attention." if parameters.volumes.outside == "blank" else ""
    )
    return (
        " Of the patches of the scans, mean and standard deviation under the attention (all patches alike where nothing attends) were "
        f"read out, as in attentive statistics pooling [@okabe2018]; that they are is our definition.{closed}"
    )


def _capitals(text: str) -> str:
    return text[:1].upper() + text[1:]


def _inputs(network: Network, parameters: Parameters) -> str:
    told = []
    if "images" in network.inputs:
        sequences = prose.listing(network.sequences or parameters.cohort.sequences)
        together = f", {network.fusion} fusion" if network.architecture not in ("convnext", "transformer") else ""
        told.append(f"{sequences}{together}")
    told += [f"{name} variables" if name == "clinical" else "plan" for name in network.inputs if name != "images"]
    guide = f"; guided by the {network.guide}" if network.guide != "none" else ""
    weights = {"random": "from random values", "pretrained": "from the pretrained encoder"}.get(
        network.weights, "from given weights"
    )
    endpoints = (
        f"; {prose.listing([prose.variable(e, inline=True) for e in network.endpoints])} alone"
        if network.endpoints
        else ""
    )
    return f"{', '.join(told)}{guide}{endpoints}; {weights}"


def _training(parameters: Parameters) -> str:
    settings = parameters.networks
    augmented = (
        " Volumes were flipped, turned, scaled, and changed in gamma, noise and shading at random in each epoch, by MONAI [@cardoso2022]."
        if settings.augment
        else ""
    )
    hidden = ""
    if any(len(n.inputs) > 1 for n in settings.models) and settings.modality_dropout:
        hidden = (
            f" Each kind of input was hidden from {100 * settings.modality_dropout:.0f} % of the cases of a step, so that a network "
            "learns to do without."
        )
    return (
        f"They were trained with AdamW (learning rate {settings.learning_rate:g}, {_trunk(settings)}weight decay "
        f"{settings.weight_decay:g}) on batches of {settings.batch}{PRECISION[settings.precision]}, {IMBALANCE[settings.imbalance]}, with "
        f"a dropout of {settings.dropout:g} before the last layer.{augmented}{hidden}{_tasks(parameters)}"
    )


def _trunk(settings: Networks) -> str:
    """How layers that did not start from random values were trained, where there are any."""
    if all(n.weights == "random" for n in settings.models):
        return ""
    if settings.trunk_rate == 0:
        return "layers that start from given weights held fixed, "
    return f"{settings.trunk_rate:g} for layers that start from given weights, "


def _tasks(parameters: Parameters) -> str:
    several = len(parameters.cohort.endpoints) > 1
    if not several or all(len(n.endpoints) == 1 for n in parameters.networks.models):
        return ""
    return (
        " The losses of several endpoints were weighed by learned uncertainties [@kendall2018]; a label that is not known has no part in "
        "them."
    )


def _stopping(settings: Networks) -> str:
    return (
        f"Of the patients of a fold, {100 * settings.inner_fraction:.0f} % were set aside, and trained nothing: their loss alone decided "
        f"which of at most {prose.count(settings.epochs, 'epoch')} was kept, and {prose.count(settings.patience, 'epoch')} without "
        "improvement ended the training."
    )


def _predictions(parameters: Parameters) -> str:
    settings = parameters.networks
    return (
        f"Each network was trained with {prose.count(settings.seeds, 'seed')} in each of {prose.count(parameters.modeling.folds, 'fold')}, "
        "the folds of the other models. A training patient's log odds are the mean over seeds of the trainings that never saw the "
        "patient, a test patient's the mean over all trainings."
    )


def _fusions(settings: Networks) -> str:
    told, stacked = [], any(fusion.members for fusion in settings.fusions)
    for fusion in settings.fusions:
        read = (
            [f"the out-of-fold log odds of {prose.listing([_member(m) for m in fusion.members])}"]
            if fusion.members
            else []
        )
        read += _variables(fusion)
        told.append(
            f"{_capitals(fusion.name)} is a logistic regression on {prose.listing(read)}, cross-fitted over the same folds."
        )
    if stacked:
        told.append(
            "The score of a member for the endpoint itself may not count against it [@breiman1996]. Networks that scored the other folds "
            "had seen a fold's patients, so that out-of-fold results of a fusion lean slightly to the good; the test patients decide."
        )
    return " ".join(told)


def _member(name: str) -> str:
    return f"the {prose.model_inline(name)}" if name in prose.MODELS else name


def _variables(fusion: Fusion) -> list[str]:
    if isinstance(fusion.clinical, bool):
        return ["the clinical variables"] if fusion.clinical else []
    return [prose.variable(name, inline=True) for name in fusion.clinical]


def pretraining(study: Study) -> str:
    """How the encoder was trained without labels."""
    parameters = study.parameters
    settings = parameters.pretraining
    source = "the folder of volumes supplied" if settings.folder else "the study's own training patients"
    return (
        f"The encoder is a 3-D vision transformer of {settings.depth} layers, {settings.heads} heads and {settings.width} numbers a "
        f"token, a token a cube of {settings.patch} voxels a side. Without any label, on {prose.listing(settings.sequences)} of {source}, "
        f"never of a test patient, it {_objective(settings)}, in {prose.count(settings.epochs, 'epoch')}. Whether that helped is judged "
        f"by a logistic regression on its mean token in the lesion, fitted on {settings.probe_labels} labeled training patients and "
        "judged on others, against the same encoder with random weights."
    )


def _objective(settings: Pretraining) -> str:
    return OBJECTIVES[settings.objective].format(temperature=settings.temperature, masked=100 * settings.masked)


def explanation(study: Study) -> str:
    """Which cases were explained, how, and what would have exposed a map that shows no more than edges."""
    methods = dict.fromkeys(study.tables.read("saliency")["method"]) if study.tables.exists("saliency") else {}
    told = (
        "Cases were chosen by rule: of true and false positive and negative calls at the frozen threshold, that of median confidence. "
        f"Maps are {prose.listing([saliency_printed.REFERENCES[name] for name in methods])}. Two checks stand beside them: the share of a "
        "map inside the lesion against the lesion's share of the volume, and the similarity of the map to that of the same network with "
        "its weights drawn anew, from the last layer down [@adebayo2018]."
    )
    if study.parameters.volumes.outside == "blank":
        bound = prose.listing([name for name in methods if name != "Grad-CAM"] or ["a map of the image"])
        told += (
            f" As nothing but the lesion was shown, {bound} cannot lie elsewhere: the share inside it proves nothing."
        )
    if study.parameters.networks.fusions:
        told += (
            " The fusion is explained by Shapley values [@lundberg2017], whose sum was checked against its log odds."
        )
    return told
