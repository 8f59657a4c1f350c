# SPDX-License-Identifier: MIT OR Apache-2.0
"""For each alert, series with which it fires and series, near its bound, with which it does not.

Series are written as promtool reads them, a value each minute; the alert is looked at after twenty.
"""

NEVER, ONCE_BEFORE, JUST_NOW = "0+0x30", "5+0x30", "0+0x17 5+0x20"


def of(name, values, **labels):
    """One series of a PBX."""
    text = ",".join(f'{label}="{value}"' for label, value in {"instance": "pbx1", **labels}.items())
    return {"series": f"{name}{{{text}}}", "values": values}


def bots(name, values, **labels):
    """One series of a connection."""
    return of(name, values, connection="bots", **labels)


def counted(name):
    """Fires when it has counted something, not when it did so long ago."""
    return {"fires": [[of(name, JUST_NOW)]], "quiet": [[of(name, NEVER)], [of(name, ONCE_BEFORE)]]}


def times(name, within_half, **labels):
    """A histogram of which so many in a hundred a minute take half a second at most, and all take two."""
    bounds = {"0.5": within_half, "2.0": 100, "+Inf": 100}
    return [of(f"{name}_bucket", f"0+{count}x30", le=bound, **labels) for bound, count in bounds.items()]


CASES = {
    "AriwsAbsent": {
        "fires": [[of("up", "0+0x30", job="ariws")]],
        # Since a minute, and of another job.
        "quiet": [[of("up", "1+0x18 0+0x10", job="ariws")], [of("up", "0+0x30", job="another")]],
    },
    "AriwsConnectionDown": {
        "fires": [[bots("ariws_connection_up", "1+0x15 0+0x10")]],
        # It went down and came back within a minute, and has just gone down again.
        "quiet": [[bots("ariws_connection_up", "1+0x17 0 1 0+0x10")]],
    },
    "AriwsConnectionUnsteady": {
        "fires": [[bots("ariws_connection_websockets_lost_total", "0+1x30")]],
        "quiet": [[bots("ariws_connection_websockets_lost_total", "0+0x10 1+0x3 2+0x20")]],
    },
    "AriwsConnectionInvalid": {
        "fires": [[of("ariws_connections_invalid", "1+0x30")]],
        "quiet": [[of("ariws_connections_invalid", "0+0x30")]],
    },
    "AriwsServerDown": {
        "fires": [[bots("ariws_server_up", "1+0x10 0+0x20", server="ws://a/")]],
        "quiet": [[bots("ariws_server_up", "1+0x16 0+0x20", server="ws://a/")]],
    },
    "AriwsStartsFail": {
        "fires": [[of("ariws_stasis_starts_total", "0+60x30"), of("ariws_stasis_starts_failed_total", "0+6x30")]],
        "quiet": [[of("ariws_stasis_starts_total", "0+60x30"), of("ariws_stasis_starts_failed_total", "0+2x30")]],
    },
    "AriwsStartsSlow": {
        "fires": [times("ariws_stasis_start_seconds", 50, outcome="started")],
        "quiet": [
            times("ariws_stasis_start_seconds", 97, outcome="started"),
            times("ariws_stasis_start_seconds", 50, outcome="failed"),
        ],
    },
    "AriwsCallersTurnedAway": {
        "fires": [
            [of("ariws_stasis_down_total", JUST_NOW), of("ariws_stasis_fallbacks_total", NEVER)],
            [of("ariws_stasis_down_total", NEVER), of("ariws_stasis_fallbacks_total", JUST_NOW)],
        ],
        "quiet": [[of("ariws_stasis_down_total", ONCE_BEFORE), of("ariws_stasis_fallbacks_total", ONCE_BEFORE)]],
    },
    "AriwsStandbyShort": {
        "fires": [[bots("ariws_connection_standby_open", "1+0x30"), bots("ariws_connection_standby_wanted", "2+0x30")]],
        "quiet": [[bots("ariws_connection_standby_open", "2+0x30"), bots("ariws_connection_standby_wanted", "2+0x30")]],
    },
    "AriwsEventsDropped": {
        "fires": [
            [of("ariws_events_dropped_total", JUST_NOW, reason="queue_full")],
            [of("ariws_events_dropped_total", JUST_NOW, reason="all_queues_full")],
            [of("ariws_events_dropped_total", JUST_NOW, reason="no_memory")],
        ],
        "quiet": [
            [of("ariws_events_dropped_total", ONCE_BEFORE, reason="queue_full")],
            [of("ariws_events_dropped_total", JUST_NOW, reason="ended")],
        ],
    },
    "AriwsMessagesUnconfirmed": {
        "fires": [[of("ariws_messages_unconfirmed_total", JUST_NOW)]],
        "quiet": [[of("ariws_messages_unconfirmed_total", ONCE_BEFORE)]],
    },
    "AriwsQueuesFill": {
        "fires": [[of("ariws_queued_bytes", "510+0x30"), of("ariws_queued_limit_bytes", "1000+0x30")]],
        "quiet": [[of("ariws_queued_bytes", "490+0x30"), of("ariws_queued_limit_bytes", "1000+0x30")]],
    },
    "AriwsSocketsShort": {
        "fires": [
            [of("ariws_sockets", "81+0x30"), of("ariws_sockets_limit", "100+0x30")],
            [of("ariws_sockets_refused_total", "0+0x10 1+1x20")],
        ],
        "quiet": [
            [
                of("ariws_sockets", "79+0x30"),
                of("ariws_sockets_limit", "100+0x30"),
                of("ariws_sockets_refused_total", NEVER),
            ]
        ],
    },
    "AriwsRequestsUnanswered": counted("ariws_requests_timed_out_total"),
    "AriwsRequestsRefused": counted("ariws_requests_refused_total"),
    "AriwsApplicationSlow": {
        "fires": [times("ariws_round_trip_seconds", 50)],
        "quiet": [times("ariws_round_trip_seconds", 97)],
    },
    "AriwsLogDropped": counted("ariws_log_messages_dropped_total"),
}


def promtool_tests(rules):
    """A file for `promtool test rules`, which reads JSON, as YAML is a superset of it."""
    tests = [
        {
            "name": f"{alert} {outcome}",
            "interval": "1m",
            "input_series": series,
            "promql_expr_test": [
                {
                    "expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})',
                    "eval_time": "20m",
                    "exp_samples": [{"labels": "{}", "value": 1}] if outcome == "fires" else [],
                }
            ],
        }
        for alert, outcomes in CASES.items()
        for outcome, rows in outcomes.items()
        for series in rows
    ]
    return {"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": tests}
