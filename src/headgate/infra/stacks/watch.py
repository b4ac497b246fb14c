"""The topic of alarms, the alarms, the one that takes a new version back, and a dashboard."""

import json
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns

from headgate.core import names
from headgate.core.digest import sha256
from headgate.infra import resource_policies
from headgate.infra.alarms import EXCUSES, REVERTING, Alarm, Count, alarms, requests, rollback_rule
from headgate.infra.site import Site
from headgate.infra.stacks.parts import open_stack


def build(app: cdk.App, site: Site) -> cdk.Stack:
    """The stack."""
    stack = open_stack(app, site, "watch", "alarms, their topic, and a dashboard")
    topic = _topic(stack, site)
    found = alarms(site)
    made = {alarm.about: _alarm(stack, site, alarm, topic) for alarm in found}
    whole = cloudwatch.CfnCompositeAlarm(
        stack,
        "Rollback",
        alarm_name=site.alarm("rollback"),
        alarm_description="The version in force fails or is slow; it is taken back.",
        alarm_rule=rollback_rule(site, found),
        alarm_actions=[topic.ref],
        ok_actions=[topic.ref],
    )
    for about, alarm in made.items():
        if about in REVERTING or about in EXCUSES.values():
            whole.add_resource_dependency(alarm)
    cloudwatch.CfnDashboard(
        stack, "Dashboard", dashboard_name=site.prefix, dashboard_body=json.dumps(_dashboard(site, found))
    )
    return stack


def _topic(stack: cdk.Stack, site: Site) -> sns.CfnTopic:
    topic = sns.CfnTopic(
        stack,
        "Topic",
        topic_name=names.topic(site.project, site.environment),
        kms_master_key_id=site.key_alias,
    )
    sns.CfnTopicPolicy(stack, "TopicPolicy", topics=[topic.ref], policy_document=resource_policies.topic(site))
    # Named after the address: by its place in the list, a subscription would become another's where one above it goes.
    for mail in dict.fromkeys(site.settings.alarms.notify):
        name = f"Mail{sha256(mail.encode())[:8]}"
        sns.CfnSubscription(stack, name, topic_arn=topic.ref, protocol="email", endpoint=mail)
    return topic


def _alarm(stack: cdk.Stack, site: Site, alarm: Alarm, topic: sns.CfnTopic) -> cloudwatch.CfnAlarm:
    """An alarm. Those that take a version back publish through the one that is made of them."""
    actions = [] if alarm.about in REVERTING else [topic.ref]
    shared: dict[str, Any] = {
        "alarm_name": site.alarm(alarm.about),
        "alarm_description": f"{site.prefix}: {alarm.said}",
        "comparison_operator": alarm.comparison,
        "threshold": alarm.threshold,
        "evaluation_periods": alarm.periods,
        "datapoints_to_alarm": alarm.breaching,
        "treat_missing_data": alarm.missing,
        "alarm_actions": actions,
        "ok_actions": actions,
    }
    name = alarm.about.capitalize()
    if alarm.terms:
        *_, last = alarm.terms
        queries = [
            *(_query(name, count, alarm.period) for name, count in alarm.counts.items()),
            *(_term(name, term, alarm.said if name == last else None) for name, term in alarm.terms.items()),
        ]
        return cloudwatch.CfnAlarm(stack, name, metrics=queries, **shared)
    (count,) = alarm.counts.values()
    return cloudwatch.CfnAlarm(
        stack,
        name,
        namespace=count.namespace,
        metric_name=count.name,
        dimensions=_dimensions(count),
        period=alarm.period,
        statistic=count.statistic,
        **shared,
    )


def _query(name: str, count: Count, period: int) -> cloudwatch.CfnAlarm.MetricDataQueryProperty:
    metric = cloudwatch.CfnAlarm.MetricProperty(
        namespace=count.namespace, metric_name=count.name, dimensions=_dimensions(count)
    )
    stat = cloudwatch.CfnAlarm.MetricStatProperty(metric=metric, period=period, stat=count.statistic)
    return cloudwatch.CfnAlarm.MetricDataQueryProperty(id=name, metric_stat=stat, return_data=False)


def _term(name: str, term: str, said: str | None) -> cloudwatch.CfnAlarm.MetricDataQueryProperty:
    """An expression; the one that is compared has a label."""
    return cloudwatch.CfnAlarm.MetricDataQueryProperty(
        id=name, expression=term, label=said, return_data=said is not None
    )


def _dimensions(count: Count) -> list[cloudwatch.CfnAlarm.DimensionProperty]:
    return [cloudwatch.CfnAlarm.DimensionProperty(name=name, value=value) for name, value in count.dimensions]


def _dashboard(site: Site, found: list[Alarm]) -> dict[str, Any]:
    """Requests, then what each alarm looks at, with its line; the states of all of them on top."""
    states = {
        "type": "alarm",
        "width": 24,
        "height": 3,
        "properties": {
            "title": f"{site.project} in {site.environment}",
            "alarms": [site.arn("cloudwatch", f"alarm:{site.alarm(about)}") for about in _abouts(found)],
        },
    }
    widgets = [_graph(site, "requests", [_row(requests(site))], None, 60)]
    widgets += [_graph(site, alarm.about, _rows(alarm), alarm.threshold, alarm.period) for alarm in found]
    return {"widgets": [states, *widgets]}


def _abouts(found: list[Alarm]) -> list[str]:
    return ["rollback", *(alarm.about for alarm in found)]


def _graph(site: Site, title: str, rows: list[list[Any]], line: float | None, period: int) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "title": title,
        "region": site.region,
        "view": "timeSeries",
        "period": period,
        "metrics": rows,
    }
    if line is not None:
        properties["annotations"] = {"horizontal": [{"value": line, "label": "alarm"}]}
    return {"type": "metric", "width": 8, "height": 6, "properties": properties}


def _rows(alarm: Alarm) -> list[list[Any]]:
    """What an alarm compares, and the percentile also of those minutes in which it does not."""
    if not alarm.terms:
        return [_row(count) for count in alarm.counts.values()]
    *_, last = alarm.terms
    return [
        *(
            [{"id": name, "expression": term, "label": name.replace("_", " "), "visible": name == last}]
            for name, term in alarm.terms.items()
        ),
        *(_row(count, id=name, visible=count.statistic == "p99") for name, count in alarm.counts.items()),
    ]


def _row(count: Count, **options: str | bool) -> list[Any]:
    dimensions = (part for pair in count.dimensions for part in pair)
    return [count.namespace, count.name, *dimensions, {"stat": count.statistic, **options}]
