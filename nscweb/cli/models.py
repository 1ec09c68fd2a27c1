"""`nscweb models`: which models there are; installing and packing; audit and other forms of one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nscweb.cli.console import AsJson, Console, DataDir, running
from nscweb.core.errors import WrongUse

if TYPE_CHECKING:
    from nscweb.services.context import App
    from nscweb.services.fetch.published_models import Installable

ModelName = Annotated[str, typer.Argument(help="Name of a model, or path of its folder.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(help="Installed models.", no_args_is_help=True)
    group.command("list")(list_installed)
    group.command("install")(install_)
    group.command("pack")(pack)
    group.command("audit")(audit)
    group.command("export")(export)
    app.add_typer(group, name="models")


def list_installed(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the models with their classes, accuracy and where they come from."""
    with running(as_json) as console:
        from nscweb.core.findings import FindingLog
        from nscweb.services.models import list_models, model_summary

        log = FindingLog()
        entries = list_models(console.open(data_dir), log)
        models = [model_summary(entry) for entry in entries]
        findings = [
            {"level": item.level, "code": item.code, "message": item.message, "where": item.where} for item in log
        ]
        lines = []
        for item in models:
            accuracy = item["accuracy"]
            figure = (
                f"accuracy {accuracy['value']:.3f} ({accuracy['low']:.3f} to {accuracy['high']:.3f})"
                if accuracy
                else "accuracy not stated"
            )
            trained = "trained on simulated cells" if item["simulated_training"] else "trained on measured cells"
            lines.append(f"{item['name']} {item['version']}: {', '.join(item['classes'])}; {figure}; {trained}")
        lines += [f"Not offered: {item['where']}: {item['message']}" for item in findings]
        console.result({"models": models, "findings": findings}, "\n".join(lines) or "No model is installed.")


def install_(
    name: Annotated[
        str,
        typer.Argument(
            help="What to install; see --list. Or a packed model: the path of its file.", show_default=False
        ),
    ] = "",
    list_: Annotated[bool, typer.Option("--list", help="Only list what can be installed.")] = False,
    file: Annotated[
        Path | None, typer.Option("--from", help="The authors' file on this disk, for computers without internet.")
    ] = None,
    rename: Annotated[str, typer.Option("--as", help="Name that a packed model gets here; else its own.")] = "",
    over: Annotated[
        bool, typer.Option("--replace", help="Put a packed model in the place of another one of its name.")
    ] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Install a model that a colleague packed (nscweb models pack), a published model, or ImageNet weights.

    A packed model is a file: it is compared with the list of its packer and tried before it is kept. The others are
    downloaded from their authors and checked; nothing is downloaded unless this command asks for it by name.
    """
    with running(as_json) as console:
        from nscweb.services.fetch import published_models

        opened = console.open(data_dir)
        if name and published_models.is_file_name(name):
            if list_ or file is not None:
                raise WrongUse(f"{name} is a file; --list and --from are for published models.", "Leave them out.")
            told = published_models.from_packed_file(opened, Path(name), rename, over, progress=console.progress)
            console.result(
                told.as_dict(),
                f"{told.name} is installed already, with the same card and weights: {told.path}."
                if told.already
                else f"{told.name} is installed: {told.path}. Read on the page Models where it stops.",
            )
            return
        if rename or over:
            raise WrongUse("--as and --replace are for packed models.", "Name the file: nscweb models install FILE.")
        if list_ or not name:
            if file is not None:
                raise WrongUse("Say what the file is.", "Write: nscweb models install zhu2021 --from FILE.")
            items = published_models.list_installable(opened)
            console.result(
                {"installable": [vars(item) for item in items]}, "\n".join(_installable_line(item) for item in items)
            )
            return
        done = published_models.install(opened, name, file=file, progress=console.progress)
        if done.already:
            text = f"{name} is installed already: {done.path}."
        elif done.entry is None:
            text = f"{name} is installed: {done.path}. Training can start from it now, without a network."
        else:
            text = (
                f"{name} is installed ({done.entry.card.mark}): {done.path}. Read where it stops on the page "
                "Models before you use it."
            )
        console.result(done.as_dict(), text)


def pack(
    name: ModelName,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The file, or a folder for it; else NAME-VERSION.nscweb-model.zip here."),
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Write a model as one file for a colleague, who installs it with nscweb models install FILE or on the page Models.

    The file has the weights, the card and the scores of held-out cells, but no images of cells beyond the small
    example. The card tells the command and the names of the folders that the model was trained with.
    """
    with running(as_json) as console:
        from nscweb.services.fetch.model_packing import pack_model

        done = pack_model(console.open(data_dir), name, out, progress=console.progress)
        left = f" Not of the model, so left out: {', '.join(done.left_out)}." if done.left_out else ""
        console.result(
            {"file": str(done.path), "bytes": done.size, "files": list(done.files), "left_out": list(done.left_out)},
            f"Written: {done.path} ({done.size / 1e6:.1f} MB, {len(done.files)} files).{left}\n"
            f"Your colleague installs it with: nscweb models install {done.path.name}",
        )


def audit(
    name: ModelName,
    studies: Annotated[
        list[str] | None,
        typer.Option("--study", help="A study it was trained on; may be given again. Found by itself otherwise."),
    ] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")] = "auto",
    figures_only: Annotated[
        bool,
        typer.Option(
            "--figures-only",
            help="Only accuracy, F1, AUC and their intervals, from the held-out scores kept with the model: seconds.",
        ),
    ] = False,
    lights_only: Annotated[
        bool,
        typer.Option(
            "--lights-only",
            help="Only what trust lights test samples for: the changes that harm the model, and its pixel size.",
        ),
    ] = False,
    maps_only: Annotated[
        bool,
        typer.Option(
            "--maps-only", help="Only what its class maps (Grad-CAM and others) are worth, on some held-out cells."
        ),
    ] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Measure a model again: figures, shortcuts, robustness, what its class maps are worth; all goes into its card.

    It is measured on the cells that were held out when the model was trained; the weights stay as they are.
    """
    with running(as_json) as console:
        from nscweb.services.models import model_by_name
        from nscweb.services.predict.light_changes import change_names_of, sentence_of_tests
        from nscweb.services.train.model_audit import audit_model, figures_again, light_tests_again, map_tests_again

        opened = console.open(data_dir)
        entry = model_by_name(opened, name)
        if figures_only:
            accuracy = figures_again(entry).card.performance.metric("accuracy")
            assert accuracy is not None
            console.result(
                {"model": name, "accuracy": accuracy.value, "low": accuracy.low, "high": accuracy.high},
                f"{name}: {100 * accuracy.value:.1f} % of held-out cells are right "
                f"(95 % interval {100 * accuracy.low:.1f} to {100 * accuracy.high:.1f}, {accuracy.interval}).",
            )
            return
        if lights_only:
            card = light_tests_again(opened, entry, tuple(studies or ()), progress=console.progress).card
            names = change_names_of(card)
            console.result({"model": name, "tests": names}, sentence_of_tests(name, names))
            return
        if maps_only:
            from nscweb.words.class_map_words import map_sentences

            card = map_tests_again(opened, entry, tuple(studies or ()), device=device, progress=console.progress).card
            console.result({"model": name, "map_tests": card.map_tests}, "\n".join(map_sentences(card)))
            return
        card = audit_model(opened, entry, tuple(studies or ()), device=device, progress=console.progress).card
        passed = bool(card.audit.get("passed"))
        sentence = str(card.audit.get("sentence", ""))
        console.result(
            {"model": card.name, "passed": passed, "audit": card.audit, "robustness": list(card.robustness)},
            f"{card.name} {'passed' if passed else 'did not pass'} its audit. {sentence}\n"
            f"Robustness: {len(card.robustness)} changes of the images measured; see the page Models.",
        )


def export(
    name: ModelName,
    study: Annotated[
        str, typer.Option("--study", help="Cells to check the fast form on: a study it was not trained on.")
    ] = "",
    bioimageio: Annotated[
        Path | None,
        typer.Option("--bioimageio", help="Only write the model as a package of bioimage.io into this zip file."),
    ] = None,
    authors: Annotated[
        list[str] | None, typer.Option("--author", help="Who made the model, for that package; may be given again.")
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Write the ONNX form of a model and, where it proves as good, the fast form, beside its weights.

    The fast form is checked on cells of the study given, or on new simulated ones for a model trained on such. With
    --bioimageio the model folder stays as it is, and a package for other programs is written.
    """
    with running(as_json) as console:
        if bioimageio is not None:
            if study:
                raise WrongUse("--study is for the fast form, which a package of bioimage.io has not.", "Leave it out.")
            _export_bioimageio(console, console.open(data_dir), name, bioimageio, authors or [])
            return
        if authors:
            raise WrongUse("--author is for a package of bioimage.io.", "Add --bioimageio FILE.")
        from nscweb.services.models import model_by_name
        from nscweb.services.predict.fast_form_cells import export_cells
        from nscweb.services.predict.model_exports import complete_exports, fast_mode_sentence

        opened = console.open(data_dir)
        entry = model_by_name(opened, name)
        learn = judge = pixel_size = None
        if study:
            learn, judge, found = export_cells(opened, study, entry.card.recipe.channels)
            pixel_size = found.pixel_size_um
        done = complete_exports(opened, entry, learn, judge, pixel_size_um=pixel_size, progress=console.progress)
        offered, sentence = fast_mode_sentence(done)
        exports = done.card.exports
        lines = [f"{kind}: {done.folder / str(item['file'])}" for kind, item in exports.items()]
        console.result(
            {"model": done.card.name, "exports": exports, "fast_offered": offered, "fast": sentence},
            "\n".join([*lines, sentence]),
        )


def _export_bioimageio(console: Console, opened: App, name: str, out: Path, authors: list[str]) -> None:
    from nscweb.services.predict.bioimageio_package import write_bioimageio

    done = write_bioimageio(opened, name, out, authors, progress=console.progress)
    console.result(
        {"file": str(done.path), "files": list(done.files), "before_publishing": list(done.missing)},
        "\n".join([f"Written: {done.path}", *(f"Before you publish it: {said}" for said in done.missing)]),
    )


def _installable_line(item: Installable) -> str:
    size = f"{item.megabytes:.0f} MB" if item.megabytes else "no download"
    there = "installed" if item.installed else "not installed"
    return f"{item.name}: {item.title}; {size}; {there}\n    {item.what}\n    {item.licence}; {item.source}"
