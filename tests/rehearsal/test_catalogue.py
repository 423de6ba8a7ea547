"""Which images there are."""

import sys

import pytest

from rehearsal.catalogue import SAMPLE, Catalogue
from surefoot.errors import ConfigError
from surefoot.release import Image

GOOD = """
images:
  - image: registry.example/shop
    tag: "1.0"
    command: [python, -m, shop]
    env: {PORT_NAME: web, LIMIT: 5}
  - image: registry.example/tool
    tag: latest
    command: [/bin/true]
    digest: sha256:{d}
""".replace("{d}", "ab" * 32)


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "catalogue.yaml"
        path.write_text(text)
        return path

    return write


def test_an_image_is_found_by_tag_and_by_digest(write):
    catalogue = Catalogue.load(write(GOOD))
    recipe = catalogue.find("registry.example/shop:1.0")
    assert recipe is not None
    assert catalogue.find(recipe.reference) is recipe
    assert catalogue.digest("registry.example/shop:1.0") == recipe.digest
    assert recipe.env == {"PORT_NAME": "web", "LIMIT": "5"}


def test_python_is_the_interpreter_that_runs_us_and_other_programs_are_themselves(write):
    shop, tool = Catalogue.load(write(GOOD)).recipes
    assert shop.argv == (sys.executable, "-m", "shop")
    assert tool.argv == ("/bin/true",)


@pytest.mark.parametrize(
    "reference",
    [
        "registry.example/shop:2.0",
        "registry.example/shop",
        "other/shop:1.0",
        "",
        "registry.example/shop@sha256:" + "0" * 64,
    ],
)
def test_what_is_not_in_the_file_is_missing(write, reference):
    catalogue = Catalogue.load(write(GOOD))
    assert catalogue.find(reference) is None
    assert catalogue.digest(reference) is None


def test_a_given_digest_is_kept_and_others_follow_from_the_entry(write):
    first = Catalogue.load(write(GOOD))
    assert first.digest("registry.example/tool:latest") == "sha256:" + "ab" * 32
    same = Catalogue.load(write(GOOD.replace("PORT_NAME: web, LIMIT: 5", "LIMIT: 5, PORT_NAME: web")))
    other = Catalogue.load(write(GOOD.replace("LIMIT: 5", "LIMIT: 6")))
    assert same.digest("registry.example/shop:1.0") == first.digest("registry.example/shop:1.0")
    assert other.digest("registry.example/shop:1.0") != first.digest("registry.example/shop:1.0")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("images: []", ":1: no images"),
        ("", ":1: no images"),
        ("- a", ":1: no images"),
        ("images: [\n", ":2: not YAML"),
        ("images:\n  - image: a/b\n    tag: 1\n", ":2: 'command' is missing"),
        ("images:\n  - image: a/b\n    tag: 1\n    command: x\n", ":4: command is a list"),
        ("images:\n  - image: a/b\n    tags: 1\n    command: [x]\n", ":3: 'tags' is not known"),
        ("images:\n  - nothing\n", ":2: 'nothing' is not an image"),
        ("images:\n  - image: A/B\n    tag: 1\n    command: [x]\n", ":2: 'A/B' is not a repository"),
        (
            "images:\n  - image: a/b\n    tag: 1\n    command: [x]\n    digest: sha256:1\n",
            ":2: 'sha256:1' is not a digest",
        ),
        ("images:\n  - image: a/b\n    tag: 1\n    command: [x]\n    env: 5\n", ":5: env is a mapping"),
        (
            GOOD + "  - image: registry.example/shop\n    tag: '1.0'\n    command: [x]\n",
            "registry.example/shop:1.0 is there",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line(write, text, said):
    path = write(text)
    with pytest.raises(ConfigError) as mistake:
        Catalogue.load(path)
    assert str(mistake.value).startswith(str(path))
    assert said in str(mistake.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        Catalogue.load(tmp_path / "none.yaml")


@pytest.mark.parametrize("content", [b"\x00\x01\x02", b"\x80images", b"images: \x80"])
def test_a_file_that_is_no_text_is_told_from_a_mistake_in_one(tmp_path, content):
    path = tmp_path / "catalogue.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as mistake:
        Catalogue.load(path)
    assert str(mistake.value).startswith(f"{path}")
    assert "not YAML" in str(mistake.value)


def test_the_sample_has_good_versions_and_each_bad_one():
    catalogue = Catalogue.load(SAMPLE)
    tags = {recipe.tag for recipe in catalogue.recipes}
    bad = {f"1.2.0-{fault}" for fault in ("crash", "hang", "smoke", "errors", "slow", "leak", "headerless")}
    assert tags == {"1.0.0", "1.1.0"} | bad
    assert all(str(Image.parse(recipe.reference)) == recipe.reference for recipe in catalogue.recipes)
