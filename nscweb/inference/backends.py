"""One call that opens a model the quickest way that is right: torch on a GPU, ONNX Runtime or torch on a CPU."""

from __future__ import annotations

from typing import Any

from nscweb.core.card import CardEntry
from nscweb.core.errors import WrongUse
from nscweb.core.run_record import Mode
from nscweb.inference.classifier import Classifier
from nscweb.inference.device import choose_device
from nscweb.inference.export_files import check_fast_offered, has_runtime, read_example, usable_export
from nscweb.inference.tuning import Choice, Tuning, tuned_choice, usual_choice

MODES: tuple[Mode, ...] = ("exact", "fast")


def open_classifier(
    entry: CardEntry,
    *,
    device: str = "auto",
    threads: int | None = None,
    batch: int | None = None,
    mode: Mode = "exact",
    tuning: Tuning | None = None,
) -> Classifier:
    """A model ready to see cells. In exact mode all backends agree to 1e-4 in every probability.

    Args:
        entry: the model.
        device: one of `nscweb.inference.device.DEVICES`.
        threads: processor threads, None for all cores or as measured.
        batch: cells per pass, None for the usual number or as measured.
        mode: ``fast`` takes the 8-bit form that the card offers; a GPU runs the exact network, which is quick there.
            Whether it pays on this machine is asked by services (`services.predict.fast_here`).
        tuning: measure, or use what was measured on this machine; None takes the usual choice.

    Raises:
        ModelError: a file of the model is not what its card says.
        WrongUse: fast mode is not offered by this model, or the device is not there.
    """
    if mode not in MODES:
        raise WrongUse(f"There is no mode called {mode!r}.", "Possible are exact and fast.")
    if mode == "fast":
        check_fast_offered(entry)
    if choose_device(device).type != "cpu":
        return Classifier(entry, device=device, threads=threads, batch=batch)
    onnx = usable_export(entry, "onnx") if has_runtime() else None
    fast = usable_export(entry, "fast") if mode == "fast" else None
    usual = usual_choice(entry, onnx is not None, threads)
    if onnx is None:
        # Nothing to choose from, and torch finds its own number of threads.
        return Classifier(entry, device="cpu", threads=threads, batch=batch)

    def make(choice: Choice) -> Classifier:
        return _open(entry, choice, onnx, fast)

    chosen = usual
    if tuning is not None and batch is None:
        chosen = tuned_choice(entry, usual, threads, tuning, make, read_example(entry), mode)
    return make(Choice(chosen.backend, chosen.threads, batch or chosen.batch))


def _open(entry: CardEntry, choice: Choice, onnx: dict[str, Any], fast: dict[str, Any] | None) -> Classifier:
    if fast is None and choice.backend == "torch":
        return Classifier(entry, device="cpu", threads=choice.threads, batch=choice.batch)
    if fast is not None:
        from nscweb.inference.fast_mode import FastClassifier

        return FastClassifier(entry, onnx, fast, threads=choice.threads, batch=choice.batch)
    from nscweb.inference.onnx_backend import OnnxClassifier

    return OnnxClassifier(entry, onnx, threads=choice.threads, batch=choice.batch)
