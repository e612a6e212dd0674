"""The bundled script is what its record says, its parts are named, and nothing of it is fetched from elsewhere."""

import hashlib
import json
import re

from server.dashboard.assets_in_use import STATIC, Assets

ASSETS = STATIC.parent / "assets"
TEMPLATES = sorted((STATIC.parent / "templates").glob("*.html"))


def test_the_script_is_the_one_that_was_recorded() -> None:
    record = json.loads((STATIC / "bundle.json").read_text())
    content = (STATIC / record["file"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == record["sha256"]
    assert len(content) == record["bytes"]
    assert record["file"] == f"dashboard-{record['sha256'][:12]}.js"
    assert [file.name for file in STATIC.glob("*.js")] == [record["file"]]


def test_the_lock_pins_every_package_and_names_no_address() -> None:
    lock = json.loads((ASSETS / "package-lock.json").read_text())
    wanted = json.loads((ASSETS / "package.json").read_text())["devDependencies"]
    assert lock["packages"][""]["devDependencies"] == wanted
    for name, package in lock["packages"].items():
        assert "resolved" not in package, name
        assert not name or package["integrity"].startswith("sha512-"), name
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())


def test_every_bundled_package_has_its_notice() -> None:
    notices = (STATIC / "THIRD_PARTY_NOTICES.txt").read_text()
    locked = json.loads((ASSETS / "package-lock.json").read_text())["packages"]
    named = re.findall(r"^([\w@/.-]+) (\d[\w.-]*) \((.+)\)$", notices, re.M)
    assert {"@observablehq/plot", "htmx.org", "d3-scale"} <= {name for name, _, _ in named}
    for name, version, licence in named:
        assert locked[f"node_modules/{name}"]["version"] == version
        assert licence in {"ISC", "MIT", "BSD-3-Clause", "0BSD"}, name


def test_no_page_holds_a_style_a_script_or_a_foreign_address() -> None:
    assert len(TEMPLATES) > 10
    for template in TEMPLATES:
        text = template.read_text()
        assert not re.search(r"\sstyle=|<style|\son[a-z]+=", text), template.name
        assert not re.search(r"""(?:src|href|action)=["']?(?:https?:)?//""", text), template.name
        for script in re.findall(r"<script[^>]*>", text):
            assert "src=" in script or 'type="application/json"' in script, template.name


def test_addresses_change_with_content() -> None:
    assets = Assets()
    for name in ("app.css", assets.script):
        digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()
        assert assets.address(name) == f"/static/{digest[:12]}/{name}"
