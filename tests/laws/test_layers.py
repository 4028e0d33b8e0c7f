"""The arrows of ARCHITECTURE.md, held against the imports as they are."""

import ast
from pathlib import Path

import pytest

import moonpalace

ROOT = Path(moonpalace.__file__).parent

BASE = {"core", "wire", "kimi", "text"}
PURE = BASE | {"transforms", "rules", "query"}
ALLOWED = {
    "core": set(),
    "text": {"core"},
    "extract": {"core", "text"},
    "kimi": {"core"},
    "wire": {"core"},
    "transforms": BASE,
    "rules": BASE,
    "query": BASE,
    "store": PURE,
    "journal": PURE,
    "net": PURE,
    "proxy": PURE | {"net", "journal"},
    "librarian": PURE | {"store", "journal"},
    "service": PURE | {"store", "journal"},
    "mock": PURE | {"net", "service", "extract"},
    "demo": set(),
    "cli": PURE | {"service", "config", "app"},
    "testing": PURE | {"store", "journal", "service", "net", "mock", "extract"},
    "config": {"core"},
    "app": PURE | {"store", "journal", "net", "proxy", "librarian", "service", "config", "mock", "extract"},
    "__main__": {"cli"},
    "__init__": set(),
}
OWNED = {
    "apsw": {"store"},
    "sqlite3": set(),
    "click": {"cli"},
    "httptools": {"wire"},
    "ssl": {"net"},
    "uvloop": {"net"},
    "winloop": {"net"},
    "aiohappyeyeballs": {"net"},
    "truststore": {"net"},
    "ruamel": {"config"},
    "brotli": {"wire"},
    "pypdfium2": {"extract"},
    "python_multipart": {"mock"},
    "tiktoken": {"text"},
    "python_calamine": {"extract"},
    "rapidocr": {"extract"},
}


def unit(path: Path) -> str:
    """The package a module belongs to; `config_file` belongs to `config`, `app_traffic` to `app`."""
    return family(path.relative_to(ROOT).parts[0].removesuffix(".py"))


def family(name: str) -> str:
    """The name without what follows its first underscore, for modules beside the packages."""
    return name.partition("_")[0] if name.startswith(("config_", "app_")) else name


def imports(path: Path) -> set[str]:
    """Absolute names of everything a module imports, wherever in it."""
    package = ("moonpalace", *path.relative_to(ROOT).parts[:-1])
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            name = ".".join((*base, *([node.module] if node.module else [])))
            found |= {f"{name}.{alias.name}" for alias in node.names} | {name}
    return found


MODULES = sorted(ROOT.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_what_its_layer_may(path):
    """One direction of flow: what stands behind the traffic can never be reached from it."""
    me = unit(path)
    ours = {name.split(".")[1] for name in imports(path) if name.startswith("moonpalace.")}
    ours = {family(name) for name in ours if name != "__version__"}
    known = {unit(module) for module in MODULES}
    assert {name for name in ours & known if name not in ALLOWED[me] | {me}} == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_library_is_owned_by_one_package(path):
    """A library that changes is then changed in one place."""
    used = {name.split(".")[0] for name in imports(path)}
    me = unit(path)
    strangers = {name for name in used & OWNED.keys() if me not in OWNED[name] and me != "testing"}
    assert strangers == set()
