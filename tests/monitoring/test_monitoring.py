# SPDX-License-Identifier: MIT OR Apache-2.0
"""Metrics, alerts and dashboard, with Prometheus itself."""

import copy
import json
import os
import re
import subprocess
import tempfile
import unittest

from cases import CASES, promtool_tests
from document import with_tables
from grafana import faults
from rig import DASHBOARD, DOCUMENT, RULES, Rig, fetch, wait


def setUpModule():
    global rig
    rig = Rig()


def tearDownModule():
    rig.close()


def promtool(*arguments, text=None):
    return subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True)


def expressions_of_rules():
    return {rule["name"]: rule["query"] for rule in rig.rules()}


def expressions_of_dashboard():
    """With what Grafana puts in the place of its variables."""
    dashboard = json.loads(DASHBOARD.read_text())
    texts = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    texts += [one["expr"] for one in dashboard["annotations"]["list"]]
    texts += [
        re.fullmatch(r"label_values\((.*), \w+\)", one["query"]["query"])[1]
        for one in dashboard["templating"]["list"]
        if one["type"] == "query"
    ]
    for variable, value in {"$instance": ".*", "$connection": ".*", "$__rate_interval": "1m", "$__range": "1h"}.items():
        texts = [text.replace(variable, value) for text in texts]
    return texts


class Metrics(unittest.TestCase):
    def test_promtool_finds_nothing_to_improve(self):
        checked = promtool("check", "metrics", text=rig.older_text())
        self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))

    def test_promtool_finds_what_is_wrong(self):
        checked = promtool("check", "metrics", text="# TYPE ariws_waits_milliseconds counter\nariws_waits_milliseconds 1\n")
        self.assertIn("ariws_waits_milliseconds", checked.stdout + checked.stderr)
        self.assertNotEqual(checked.returncode, 0)

    def test_they_are_sent_as_openmetrics(self):
        kind, text = fetch(rig.metrics)
        self.assertTrue(kind.startswith("application/openmetrics-text"), kind)
        self.assertTrue(text.endswith("# EOF\n"))

    def test_prometheus_has_every_sample(self):
        samples = {sample.name for family in rig.families() for sample in family.samples}
        stored = set(rig.api("label/__name__/values"))
        self.assertEqual(samples - stored, set())

    def test_prometheus_knows_what_each_is(self):
        known = rig.api("metadata")
        for family in rig.families():
            # Prometheus 2 keeps them by the names of families, as OpenMetrics has them.
            [entry] = known[family.name]
            self.assertEqual((entry["type"], entry["unit"]), (family.type, family.unit), family.name)
            self.assertEqual(entry["help"], family.documentation)

    def test_units_are_seconds_and_bytes_and_end_the_name(self):
        for family in rig.families():
            self.assertIn(family.unit, ("", "seconds", "bytes"), family.name)
            for unit in ("seconds", "bytes"):
                self.assertEqual(family.name.endswith("_" + unit), family.unit == unit, family.name)


class Alerts(unittest.TestCase):
    def test_promtool_accepts_the_rules(self):
        checked = promtool("check", "rules", str(RULES))
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_each_fires_and_stays_quiet(self):
        self.assertEqual(set(CASES), set(expressions_of_rules()))
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(promtool_tests(RULES), file)
            file.flush()
            checked = promtool("test", "rules", file.name)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_each_is_about_metrics_that_there_are(self):
        for alert, expression in expressions_of_rules().items():
            used = set(re.findall(r"\bariws_\w+", expression))
            self.assertEqual(used - rig.names(), set(), alert)
            self.assertTrue(used or alert == "AriwsAbsent", alert)

    def test_each_tells_in_the_document_what_to_do(self):
        headings = re.findall(r"(?m)^### (Ariws\w+)$", DOCUMENT.read_text())
        self.assertEqual(headings, list(expressions_of_rules()))
        for alert in rig.rules():
            self.assertEqual(alert["annotations"]["runbook"], f"docs/monitoring.md#{alert['name'].lower()}")
            self.assertIn(alert["labels"]["severity"], ("critical", "warning"))

    def test_an_application_that_dies_is_told_of_until_it_is_back(self):
        rig.evaluated()
        self.assertEqual({rule["health"] for rule in rig.rules()}, {"ok"})
        self.assertEqual(rig.firing(), {})
        rig.kill_application()
        try:
            down = wait("AriwsConnectionDown", lambda: rig.firing().get("AriwsConnectionDown"))
            self.assertEqual(down["labels"]["connection"], "steady")
            self.assertIn("the connection steady is down", down["annotations"]["summary"])
            server = wait("AriwsServerDown", lambda: rig.firing().get("AriwsServerDown"))
            self.assertIn(f"ws://127.0.0.1:{rig.port}/", server["annotations"]["summary"])
        finally:
            rig.start_application()
        wait("the end of AriwsConnectionDown", lambda: "AriwsConnectionDown" not in rig.firing())


class Dashboard(unittest.TestCase):
    def test_each_panel_is_about_metrics_that_there_are(self):
        for expression in expressions_of_dashboard():
            self.assertEqual(set(re.findall(r"\bariws_\w+", expression)) - rig.names(), set(), expression)

    def test_prometheus_understands_each_panel(self):
        for expression in expressions_of_dashboard():
            self.assertNotIn("$", expression)
            rig.query(expression)

    def test_panels_show_what_there_is(self):
        # But the quantiles of what has not happened lately, and the alerts of the annotations.
        def shown():
            return sum(bool(rig.query(expression)) for expression in expressions_of_dashboard())

        wait("something to show", lambda: shown() > 40)

    def test_panels_lie_beside_each_other(self):
        panels = json.loads(DASHBOARD.read_text())["panels"]
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
        taken = set()
        for panel in panels:
            place = panel["gridPos"]
            cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
            self.assertFalse(taken & cells or place["x"] + place["w"] > 24, panel["title"])
            taken |= cells


    def test_grafana_knows_every_member_and_value(self):
        self.assertEqual(list(faults(json.loads(DASHBOARD.read_text()))), [])

    def test_what_grafana_does_not_know_is_found(self):
        good = json.loads(DASHBOARD.read_text())
        first = next(number for number, panel in enumerate(good["panels"]) if panel["type"] == "timeseries")
        for *way, name, value, place in (
            ("panels", first, "titel", "Open", f"/panels/{first}/titel"),
            ("panels", first, "type", "timeserie", f"/panels/{first}/type"),
            ("panels", first, "gridPos", "w", "8", f"/panels/{first}/grid_pos/w"),
            ("panels", first, "targets", 0, "expression", "up", f"/panels/{first}/targets/0/expression"),
            ("panels", first, "options", "tooltip", "mode", "many", f"/panels/{first}/options/tooltip/mode"),
            ("panels", first, "fieldConfig", "defaults", "unit", "horses", f"/panels/{first}/fieldConfig/defaults/unit"),
            ("templating", "list", 1, "refresh", 7, "/templating/list_val/1/refresh"),
            ("annotations", "list", 0, "colour", "red", "/annotations/list/0/colour"),
        ):
            broken = copy.deepcopy(good)
            part = broken
            for step in way:
                part = part[step]
            part[name] = value
            found = list(faults(broken))
            self.assertTrue(any(fault.startswith(place + ": ") for fault in found), (place, found))

    def test_everything_is_asked_of_the_data_source_that_was_chosen(self):
        text = DASHBOARD.read_text()
        chosen = re.findall(r'"datasource": \{\s*"type": "prometheus",\s*"uid": "\$\{datasource\}"\s*\}', text)
        self.assertEqual(len(chosen), text.count('"datasource":'))


class Document(unittest.TestCase):
    def test_it_has_every_metric(self):
        text = DOCUMENT.read_text()
        wanted = with_tables(text, rig.families())
        if os.environ.get("ARIWS_WRITE_MONITORING"):
            DOCUMENT.write_text(wanted)
        else:
            self.assertEqual(text, wanted, "`make monitoring` writes it anew")

    def test_it_names_no_metric_that_there_is_not(self):
        families = {family.name for family in rig.families()}
        for one in re.findall(r"`(ariws_\w+)`", DOCUMENT.read_text()):
            self.assertIn(one, rig.names() | families)

    def test_its_scrape_configuration_is_valid(self):
        [configuration] = re.findall(r"(?s)```yaml\n(.*?)```", DOCUMENT.read_text())
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "prometheus.yml")
            with open(path, "w") as file:
                file.write(configuration.replace("/etc/prometheus/", ""))
            with open(os.path.join(folder, "ariws-alerts.yml"), "w") as file:
                file.write(RULES.read_text())
            with open(os.path.join(folder, "ariws.password"), "w") as file:
                file.write("secret")
            checked = promtool("check", "config", path)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)


if __name__ == "__main__":
    unittest.main()
