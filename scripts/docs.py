"""Writes the parts of the documentation that follow from the code: `scripts/docs`, `scripts/docs --check`."""

import argparse
from collections.abc import Callable, Mapping
import json
from pathlib import Path
import sys

from custom_components.mi_registration.aws.permissions import Group, policy
from scripts.house import ROOT

POLICY_PAGE = Path("docs/iam-policy.md")
README = Path("README.md")
BEGIN, END = "<!-- generated: policy -->\n", "<!-- end of generated -->\n"
"""What encloses a generated part of a page that is otherwise written by hand."""

GROUPS: Mapping[Group, tuple[str, str]] = {
    Group.READ_ONLY: (
        "Read only",
        "Shows the account, its things, associations and discoveries, and whether hubs are connected; always needed.",
    ),
    Group.LINKING: (
        "Linking",
        "Registers and deregisters things with account associations, starts discoveries, and renews authorizations.",
    ),
    Group.ONBOARDING: (
        "Onboarding",
        "Creates managed things for what a discovery found, and links new accounts at vendors.",
    ),
}


BEFORE = """\
<!-- Written by scripts/docs; edit custom_components/mi_registration/aws/permissions.py instead. -->

# IAM policies

The least that the credentials need, by what you want to do. Attach *Read only* and, beside it, what else you use;
replace `ACCOUNT` by the 12 digits of your AWS account, and the `*` between two colons by your Region if you
like. In China or GovCloud the ARNs begin with `arn:aws-cn` or `arn:aws-us-gov`.

An action that is missing takes away only what needs it: a repair names it, with the statement to add.
"""
AFTER = """\
## Beside these

- `sts:GetCallerIdentity`, by which the account is recognised, needs no permission.
- To assume a role, the credentials need `sts:AssumeRole` on it, and the role needs the policies above.
- `secretsmanager:GetSecretValue` is what AWS itself uses, with your rights, to make an authorization link; limit it to
  the secret of your connector destinations. A secret with a KMS key of your own also needs `kms:Decrypt` on that key.
"""


def _block(*groups: Group) -> str:
    return f"```json\n{json.dumps(policy(groups), indent=2)}\n```\n"


def policy_page(_before: str) -> str:
    """Return the page of the IAM policies."""
    parts = [BEFORE]
    for group, (title, purpose) in GROUPS.items():
        parts += [f"## {title}\n", f"{purpose}\n", _block(group)]
    parts.append(AFTER)
    return "\n".join(parts)


def readme(before: str) -> str:
    """Return the README with its policy; raises ``ValueError`` if it doesn't say where that belongs."""
    head, begin, rest = before.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{README} lacks {BEGIN!r} or {END!r}")
    return f"{head}{begin}\n{_block(Group.READ_ONLY, Group.LINKING)}\n{end}{tail}"


PAGES: Mapping[Path, Callable[[str], str]] = {POLICY_PAGE: policy_page, README: readme}
"""How each page that has generated parts follows from what it is now."""


def outdated(root: Path = ROOT) -> dict[Path, str]:
    """Return the pages that don't say what the code does, with what they should say."""
    pages: dict[Path, str] = {}
    for name, generate in PAGES.items():
        path = root / name
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        if (text := generate(before)) != before:
            pages[path] = text
    return pages


def main() -> int:
    """Write what is outdated, or only name it."""
    parser = argparse.ArgumentParser(prog="scripts/docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail if something is out of date")
    is_check = parser.parse_args().check
    pages = outdated()
    for path, text in pages.items():
        print(f"docs: {path.name} {'is out of date: run scripts/docs' if is_check else 'written'}", file=sys.stderr)
        if not is_check:
            path.write_text(text, encoding="utf-8")
    return 1 if is_check and pages else 0


if __name__ == "__main__":
    sys.exit(main())
