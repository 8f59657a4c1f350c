# SPDX-License-Identifier: MIT OR Apache-2.0
"""An application, minipbx with its metrics, and a Prometheus that reads them.

ARIWS_APPLICATION, ARIWS_LIBRARY and ARIWS_MINIPBX name what was built.
"""

import json
import os
import re
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request
from datetime import datetime
from pathlib import Path

from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

TOP = Path(__file__).resolve().parents[2]
RULES = TOP / "packaging" / "observability" / "ariws-alerts.yml"
DASHBOARD = TOP / "packaging" / "observability" / "ariws-dashboard.json"
DOCUMENT = TOP / "docs" / "monitoring.md"
DEADLINE = 60

# A connection that stays up, one for each call, and one for each call that is there before.
ARI = "\n".join(
    ["[general]", "enabled = yes", "[user]", "type = user", "password = secret"]
    + [
        f"[{name}]\ntype = outbound_websocket\nwebsocket_client_id = {name}\napps = {name}\nlocal_ari_user = user"
        for name in ("steady", "each", "ready")
    ]
)
CLIENTS = "\n".join(
    f"[{name}]\ntype = websocket_client\nuri = ws://127.0.0.1:@PORT@/{name}\nprotocols = ari\n{more}"
    for name, more in {
        "steady": "connection_type = persistent\nreconnect_interval = 100",
        "each": "connection_type = per_call_config",
        "ready": "connection_type = per_call_config\nstandby_connections = 1",
    }.items()
)


def wait(what, condition):
    """The value of the condition, as soon as it is true."""
    end = time.monotonic() + DEADLINE
    while not (value := condition()):
        assert time.monotonic() < end, f"{what}: not within {DEADLINE} s"
        time.sleep(0.05)
    return value


def fetch(address):
    with urllib.request.urlopen(address, timeout=DEADLINE) as response:
        return response.headers["Content-Type"], response.read().decode()


class Rig:
    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name)
        self.processes = []
        self.application = None
        self.port = 0
        try:
            self.start_application()
            self.start_pbx()
            self.start_prometheus()
        except BaseException:
            self.close()
            raise

    def close(self):
        for process in reversed(self.processes):
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    stream.close()
        self.folder.cleanup()

    def run(self, *arguments, **options):
        process = subprocess.Popen([str(one) for one in arguments], text=True, **options)
        self.processes.append(process)
        return process

    def start_application(self):
        """On the port that it had before."""
        self.application = self.run(
            os.environ["ARIWS_APPLICATION"], "--quiet", "--listen", f"127.0.0.1:{self.port}", "--digit-timeout", "10",
            stdout=subprocess.PIPE,
        )
        self.port = int(self.application.stdout.readline().rsplit(":", 1)[1])

    def kill_application(self):
        self.application.kill()
        self.application.wait()

    def start_pbx(self):
        configuration = self.path / "configuration"
        configuration.mkdir()
        (configuration / "ari.conf").write_text(ARI)
        (configuration / "websocket_client.conf").write_text(CLIENTS.replace("@PORT@", str(self.port)))
        self.pbx = self.run(
            os.environ["ARIWS_MINIPBX"], "--library", os.environ["ARIWS_LIBRARY"], "--config", configuration,
            "--quiet", "--metrics", "0", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        self.metrics = self.pbx.stdout.readline().removeprefix("metrics at ").strip()
        self.console("wait session steady up 50000", *(f"dial s@stasis-{name}" for name in ("steady", "each", "ready")))
        self.console("wait stasis 1 50000", "wait calls 50000")
        # The calls have been, and every metric has its samples.
        wait("the calls", lambda: self.value("ariws_stasis_starts_total") == 2)
        wait("a round trip", lambda: self.value("ariws_connection_round_trip_seconds"))

    def console(self, *lines):
        for line in lines:
            self.pbx.stdin.write(line + "\n")
        self.pbx.stdin.flush()

    def text(self):
        """The metrics as they are now."""
        return fetch(self.metrics)[1]

    def value(self, name):
        """Of the first sample of this name."""
        samples = (sample for family in self.families() for sample in family.samples)
        return next((sample.value for sample in samples if sample.name == name), None)

    def families(self):
        return list(text_string_to_metric_families(self.text()))

    def older_text(self):
        """The same in Prometheus's own older format, which is what promtool reads."""
        families = self.families()

        class Collector:
            def collect(self):
                return families

        return generate_latest(Collector()).decode()

    def names(self):
        """Every name that a sample may have."""
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"], "info": ["_info"], "gauge": [""]}
        return {family.name + suffix for family in self.families() for suffix in suffixes[family.type]}

    def start_prometheus(self):
        # The rules as they are, but that what is to last for minutes is to last for a second.
        (self.path / "rules.yml").write_text(re.sub(r"(?m)^( +for: )\d+m$", r"\g<1>1s", RULES.read_text()))
        target = urllib.parse.urlsplit(self.metrics)
        (self.path / "prometheus.yml").write_text(json.dumps({
            # A scrape may take as long as the interval, also on a busy machine.
            "global": {"scrape_interval": "2s", "evaluation_interval": "500ms"},
            "rule_files": ["rules.yml"],
            "scrape_configs": [{
                "job_name": "ariws",
                "metrics_path": target.path,
                "static_configs": [{"targets": [target.netloc]}],
            }],
        }))
        with open(self.path / "prometheus.log", "w") as log:
            self.run(
                "prometheus", f"--config.file={self.path}/prometheus.yml", f"--storage.tsdb.path={self.path}/data",
                "--web.listen-address=127.0.0.1:0", stdout=log, stderr=log,
            )
        log = wait("Prometheus", lambda: self.ready((self.path / "prometheus.log").read_text()))
        address = re.search(r'"?Listening on"? address=(127\.0\.0\.1:[1-9]\d*)', log)
        assert address, log
        self.prometheus = f"http://{address[1]}/api/v1/"
        wait("a scrape", lambda: self.query('up{job="ariws"} == 1'))

    def ready(self, log):
        assert self.processes[-1].poll() is None, log
        return log if "Server is ready" in log else None

    def api(self, path, **parameters):
        _, text = fetch(self.prometheus + path + "?" + urllib.parse.urlencode(parameters))
        answer = json.loads(text)
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expression):
        return self.api("query", query=expression)["result"]

    def rules(self):
        return [rule for group in self.api("rules")["groups"] for rule in group["rules"]]

    def firing(self):
        """The alerts that fire, by name."""
        return {alert["labels"]["alertname"]: alert for alert in self.api("alerts")["alerts"] if alert["state"] == "firing"}

    def evaluated(self):
        """Every rule is evaluated, on samples that were taken from now on."""
        begin = time.time()
        wait("a scrape", lambda: float(self.query('timestamp(up{job="ariws"})')[0]["value"][1]) > begin)
        scraped = time.time()
        wait("an evaluation", lambda: all(moment(rule["lastEvaluation"]) > scraped for rule in self.rules()))


def moment(text):
    """Seconds since the epoch; Go writes more digits of them than Python reads."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", text)).timestamp()
