"""The page of licences names every source of weights that a model declares."""

import licences


def test_the_page_is_what_the_tool_writes_of_the_weights() -> None:
    assert licences.weights_section() in licences.PAGE.read_text(encoding="utf-8"), "run: python tools/licences.py"


def test_every_package_is_named_with_a_licence() -> None:
    page = licences.PAGE.read_text(encoding="utf-8")
    for line in licences.packages_section().splitlines()[4:]:
        name = line.split("|")[1].strip()
        assert f"| {name} " in page, f"{name} is not named; run: python tools/licences.py"
