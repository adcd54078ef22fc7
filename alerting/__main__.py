"""``python -m alerting build [--check]`` writes files generated from the alerts; ``receivers`` configures receivers.

``tests`` writes promtool's tests of the rules, which are not committed.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from alerting import case, config_maps, grafana, operator_rules, routes, rules, table
from alerting.alerts import GROUPS
from alerting.alerts.slo import GROUP as SLO
from alerting.alerts.slo import INTERVAL_SECONDS
from alerting.cases import CASES
from otel.support.addresses import PublicAddresses, load
from otel.support.environment import SettingsError
from otel.support.generated import keep

HERE = Path(__file__).parent
PROVISIONING = HERE.parent / "dashboards" / "provisioning" / "alerting"
RECORDING_RULES = HERE.parent / "stack" / "config" / "prometheus-rules.yml"
MONITORING = HERE.parent / "deploy" / "kubernetes" / "components" / "monitoring"
README = HERE / "README.md"
EVERY = {SLO.name: f"{INTERVAL_SECONDS}s", "anomaly": "30m"}
"""The evaluation interval in promtool: the SLO rules count samples, and testing a week of anomalies should not take an
hour."""


def files(addresses: PublicAddresses) -> dict[Path, str]:
    """Returns the text of every generated file."""
    contents = {}
    for group in GROUPS:
        contents[HERE / "rules" / f"{group.name}.yml"] = rules.file(group, addresses)
    every_rule = [RECORDING_RULES.read_text(encoding="utf-8"), *contents.values()]
    contents[HERE / "kustomization.yaml"] = config_maps.file(
        [path.name for path in contents], [path.name for path in (HERE / "runbooks").glob("*.md")]
    )
    contents[MONITORING / "rules.yaml"] = operator_rules.file(every_rule)
    folder = HERE / "alertmanager"
    contents[folder / "alertmanager.yml"] = routes.file(
        routes.Switches(),
        "Without secrets: alerts are routed, but no notification is sent. See python -m alerting receivers --help",
    )
    contents[folder / "example.yml"] = routes.file(routes.EXAMPLE, "An example with every integration switched on.")
    contents |= {PROVISIONING / name: text for name, text in grafana.files(addresses).items()}
    contents[README] = table.put_into(README.read_text())
    return contents


def build(*, check: bool) -> int:
    """Writes or checks the files. Returns the exit code: 1 if ``check`` found a stale file, 2 for invalid addresses."""
    try:
        contents = files(load())
    except SettingsError as error:
        print(f"ttscope: {error}", file=sys.stderr)
        return 2
    obsolete = [
        path for folder in {path.parent for path in contents} for path in folder.glob("*.yml") if path not in contents
    ]
    return keep(contents, obsolete, check=check, command="make alerting")


def write_tests(folder: Path, rules_folder: Path = HERE / "rules") -> int:
    """Writes promtool's test files of the rules in another folder. Returns the exit code: 2 for invalid addresses."""
    try:
        addresses = load()
    except SettingsError as error:
        print(f"ttscope: {error}", file=sys.stderr)
        return 2
    folder.mkdir(parents=True, exist_ok=True)
    for group in GROUPS:
        path, every = rules_folder / f"{group.name}.yml", EVERY.get(group.name, "1m")
        text = case.file(path, CASES[group.name], group.alerts, every, addresses)
        (folder / path.name).write_text(text, encoding="utf-8")
    return 0


def receivers(arguments: argparse.Namespace) -> int:
    """Writes Alertmanager's folder with the chosen integrations. Returns the exit code: 1 if a secret is missing."""
    folder: Path = arguments.folder.absolute()
    email = None
    if arguments.email_to:
        if not (arguments.email_from and arguments.smarthost):
            print("ttscope: --email-to needs --email-from and --smarthost", file=sys.stderr)
            return 2
        email = routes.Email(
            arguments.email_to, arguments.email_from, arguments.smarthost, arguments.username, not arguments.no_tls
        )
    on = routes.Switches(
        f"{arguments.seen_as or folder}/secrets",
        slack=arguments.slack,
        webhook=arguments.webhook,
        pagerduty=arguments.pagerduty,
        heartbeat=arguments.heartbeat,
        email=email,
    )
    secrets = [folder / "secrets" / name for name in on.files]
    if missing := [path for path in secrets if not path.is_file() or not path.read_text().strip()]:
        print("ttscope: these secret files are missing or empty:", *missing, sep="\n  ", file=sys.stderr)
        return 1
    (folder / "secrets").mkdir(parents=True, exist_ok=True)
    shutil.copytree(HERE / "alertmanager" / "templates", folder / "templates", dirs_exist_ok=True)
    (folder / "alertmanager.yml").write_text(routes.file(on, "Written by python -m alerting receivers."))
    print(f"written: {folder}\nmake stack:     TTSCOPE_STACK_ALERTMANAGER_DIR={folder} make stack")
    print(f"docker compose: TTSCOPE_ALERTMANAGER_DIR={folder} docker compose up")
    return 0


def main() -> int:
    """Runs the command. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m alerting", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    building = commands.add_parser("build", help="write rules, routes and Grafana's files")
    building.add_argument("--check", action="store_true", help="write nothing; list files that are out of date")
    testing = commands.add_parser("tests", help="write promtool's tests of the rules")
    testing.add_argument("folder", type=Path, help="written to; run them by: promtool test rules FOLDER/*.yml")
    telling = commands.add_parser("receivers", help="write a configuration of Alertmanager that sends notifications")
    telling.add_argument("folder", type=Path, help="output folder; its secrets/ has one file per secret")
    telling.add_argument("--slack", action="store_true", help=f"secrets/{routes.SLACK}: URL of an incoming webhook")
    telling.add_argument(
        "--webhook", action="store_true", help=f"secrets/{routes.WEBHOOK}: URL that receives JSON by POST"
    )
    telling.add_argument(
        "--pagerduty", action="store_true", help=f"secrets/{routes.PAGERDUTY}: integration key; critical alerts only"
    )
    telling.add_argument(
        "--heartbeat", action="store_true", help=f"secrets/{routes.HEARTBEAT_URL}: URL of a dead man's switch"
    )
    telling.add_argument("--email-to", default="", help="addresses, separated by commas")
    telling.add_argument("--email-from", default="")
    telling.add_argument("--smarthost", default="", help="host:port of the mail server")
    telling.add_argument(
        "--username", default="", help=f"login of the mail server; its password is in secrets/{routes.PASSWORD}"
    )
    telling.add_argument(
        "--no-tls", action="store_true", help="send mail without TLS; only to a server on this machine"
    )
    telling.add_argument(
        "--seen-as", default="", help="path of the folder as Alertmanager sees it; /etc/alertmanager in compose"
    )
    arguments = parser.parse_args()
    match arguments.command:
        case "build":
            return build(check=arguments.check)
        case "tests":
            return write_tests(arguments.folder)
        case _:
            return receivers(arguments)


if __name__ == "__main__":
    sys.exit(main())
