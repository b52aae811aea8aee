"""PURE. What Grafana's dashboards are made of: queries, panels, variables, annotations, links, rows.

The types are those of Grafana's own SDK, which so checks what a panel may have. What all dashboards share is
decided here once: the data source is a variable, each panel says what it shows and when it has nothing to
show, panels stand in rows of 24 columns, and what fires is marked in every graph.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from grafana_foundation_sdk.builders import common, dashboard, heatmap, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import prometheus as prometheus_models
from grafana_foundation_sdk.models import table as table_models

from drift.config import Config
from drift.domain import Side

Panel: TypeAlias = timeseries.Panel | stat.Panel | table.Panel | heatmap.Panel
Variable: TypeAlias = dashboard.QueryVariable | dashboard.DatasourceVariable
P = TypeVar("P", timeseries.Panel, stat.Panel, table.Panel, heatmap.Panel)

DATASOURCE = common_models.DataSourceRef("prometheus", "${datasource}")
GOOD, BAD = "green", "red"
TAG = "drift"
NOTHING = "Empty"
"""So the sentence of a description begins that says when its panel has nothing to show."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A line that a value should not be on the wrong side of."""

    value: float
    side: Side


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression; its series are called by the `legend`, or are a table's column of this name."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a panel shows. `empty` says when it shows nothing though all is well."""

    title: str
    says: str
    queries: tuple[Query, ...]
    unit: str = "short"
    limit: Limit | None = None
    empty: str = ""
    width: int = 12
    height: int = 8


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table, by the name of its query or label."""

    name: str
    title: str
    unit: str = "short"
    limit: Limit | None = None
    links: tuple[tuple[str, str], ...] = ()


def limit_of(config: Config, *metrics: str) -> Limit | None:
    """The limit that the config's first rule on one of the metrics holds it to; None where there is no rule.

    Rules on a horizon band or a column are about a part of it only.
    """
    for rule in config.alerts.values():
        if rule.metric in metrics and rule.threshold is not None and rule.horizon is rule.column is None:
            below = rule.metric in ("model_accuracy", "accuracy", "availability")
            return Limit(rule.threshold, rule.side or ("below" if below else "above"))
    return None


def thresholds(limit: Limit | None) -> dashboard.ThresholdsConfig:
    """Green on the right side of the limit, red on the other; green where there is none."""
    steps = [models.Threshold(None, GOOD)]
    if limit is not None:
        first, then = (BAD, GOOD) if limit.side == "below" else (GOOD, BAD)
        steps = [models.Threshold(None, first), models.Threshold(limit.value, then)]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def _dressed(panel: P, shown: Shown, *, instant: bool = False) -> P:
    """What all kinds of panels have."""
    said = f"{shown.says} {NOTHING} {shown.empty}." if shown.empty else shown.says
    panel.title(shown.title).description(said).datasource(DATASOURCE)
    panel.span(shown.width).height(shown.height).unit(shown.unit).thresholds(thresholds(shown.limit))
    for ref, query in zip("ABCDEFGHIJ", shown.queries, strict=False):
        target = prometheus.Dataquery().ref_id(ref).expr(query.expr).legend_format(query.legend or "__auto")
        panel.with_target((target.instant() if instant else target.range()).datasource(DATASOURCE))
    return panel


def lines(shown: Shown, *, stacked: bool = False) -> timeseries.Panel:
    """Series over time, the limit as a dashed line; `stacked`: as areas on each other."""
    style = common_models.GraphThresholdsStyleMode
    mode = style.DASHED if shown.limit is not None else style.OFF
    stacking = common_models.StackingMode.NORMAL if stacked else common_models.StackingMode.NONE
    panel = _dressed(timeseries.Panel(), shown).line_width(1).fill_opacity(25 if stacked else 0)
    panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(mode))
    panel.stacking(common.StackingConfig().mode(stacking))
    panel.show_points(common_models.VisibilityMode.AUTO)
    panel.tooltip(
        common.VizTooltipOptions()
        .mode(common_models.TooltipDisplayMode.MULTI)
        .sort(common_models.SortOrder.DESCENDING)
    )
    legend = common.VizLegendOptions().show_legend(True)
    legend.display_mode(common_models.LegendDisplayMode.LIST).placement(common_models.LegendPlacement.BOTTOM)
    return panel.legend(legend.calcs([]))


def figure(shown: Shown) -> stat.Panel:
    """The latest value of each series, in the colour of its side of the limit."""
    panel = _dressed(stat.Panel(), shown).graph_mode(common_models.BigValueGraphMode.AREA)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields(""))
    panel.color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
    return panel.color_mode(common_models.BigValueColorMode.VALUE)


def buckets(shown: Shown) -> heatmap.Panel:
    """A histogram over time; the query gives its cumulated buckets, by their limit `le`."""
    panel = _dressed(heatmap.Panel(), shown).calculate(False)
    _ask_for(panel, prometheus_models.PromQueryFormat.HEATMAP, "{{le}}")
    return panel.y_axis(heatmap.YAxisConfig().unit(shown.unit))


def _ask_for(
    panel: heatmap.Panel | table.Panel, form: prometheus_models.PromQueryFormat, legend: str
) -> None:
    """Have the panel's data in another form than series over time."""
    for target in panel.build().targets or []:
        if isinstance(target, prometheus_models.Dataquery):
            target.format_val, target.legend_format = form, legend


def rows_of(shown: Shown, columns: Sequence[Column], sort: str) -> table.Panel:
    """A table of what is now: a row a set of labels, a column a label or query, worst by `sort` first.

    The queries must differ by the same labels, by which their values come into one row.
    """
    panel = _dressed(table.Panel(), shown, instant=True)
    found = {query.legend: f"Value #{ref}" for ref, query in zip("ABCDEFGHIJ", shown.queries, strict=False)}
    if len(shown.queries) == 1:
        found = {shown.queries[0].legend: "Value"}
    _ask_for(panel, prometheus_models.PromQueryFormat.TABLE, "")
    panel.cell_options(common_models.TableAutoCellOptions())
    options = panel.build().options
    if isinstance(options, table_models.Options):
        options.footer = None  # Grafana 13 has none here
    names = {column.name: found.get(column.name, column.name) for column in columns}
    if len(shown.queries) > 1:
        panel.with_transformation(models.DataTransformerConfig("merge", options={}))
    organized = {
        "excludeByName": {"Time": True},
        "indexByName": {name: place for place, name in enumerate(names.values())},
        "renameByName": {names[column.name]: column.title for column in columns},
    }
    panel.with_transformation(models.DataTransformerConfig("organize", options=organized))
    for column in columns:
        panel.override_by_name(column.title, _looks(column))
    return panel.sort_by([common.TableSortByFieldState().display_name(sort).desc(True)])


def _looks(column: Column) -> list[models.DynamicConfigValue]:
    """The unit, the colour and the links of a column."""
    looks = [models.DynamicConfigValue("unit", column.unit)]
    if column.limit is not None:
        looks += [
            models.DynamicConfigValue("thresholds", thresholds(column.limit).build().to_json()),
            models.DynamicConfigValue("custom.cellOptions", {"type": "color-text"}),
        ]
    if column.links:
        links = [{"title": title, "url": url, "targetBlank": "://" in url} for title, url in column.links]
        looks.append(models.DynamicConfigValue("links", links))
    return looks


def variable(
    name: str, label: str, values: str, *, several: bool = True, describes: str = ""
) -> dashboard.QueryVariable:
    """Values of a label to choose from, asked for when the time changes; `several` may be chosen, or all."""
    chosen = dashboard.QueryVariable(name).label(label).description(describes or label).datasource(DATASOURCE)
    chosen.query({"query": values, "refId": name})
    chosen.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(models.VariableSort.ALPHABETICAL_ASC)
    if several:
        everything = models.VariableOption(text="All", value="$__all")
        chosen.multi(True).include_all(True).all_value(".*").current(everything)
    return chosen


def _datasource() -> dashboard.DatasourceVariable:
    chosen = dashboard.DatasourceVariable("datasource").label("Data source")
    return chosen.description("The Prometheus that scrapes the platform.").type("prometheus")


def firing(name: str, expr: str, title: str, tags: str) -> dashboard.AnnotationQuery:
    """Marks in the graphs for as long as the expression has series."""
    target = prometheus.Dataquery().ref_id("Anno").expr(expr).range()
    mark = dashboard.AnnotationQuery().name(name).datasource(DATASOURCE).enable(True).icon_color(BAD)
    return mark.target(target).title_format(title).tag_keys(tags)


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard: its name in the guide, how often it is refreshed, how far back it looks, what it shows."""

    name: str
    title: str
    says: str
    refresh: str
    span: str
    variables: tuple[dashboard.QueryVariable, ...]
    annotations: tuple[dashboard.AnnotationQuery, ...]
    rows: tuple[Row, ...]
    pages: tuple[tuple[str, str], ...] = ()

    @property
    def uid(self) -> str:
        """What links know it by; it never changes."""
        return uid_of(self.name)


def uid_of(name: str) -> str:
    """The uid of a dashboard.

    >>> uid_of("api_performance")
    'drift-api-performance'
    """
    return f"drift-{name.replace('_', '-')}"


def _links(board: Board, base_url: str) -> list[Builder[models.DashboardLink]]:
    """To the other dashboards, with time and variables; to drift's own pages where they have an address."""
    others = dashboard.DashboardLink("Dashboards").type(models.DashboardLinkType.DASHBOARDS).tags([TAG])
    others.as_dropdown(True).include_vars(True).keep_time(True).icon("external link").tooltip("").url("")
    pages: list[Builder[models.DashboardLink]] = [
        dashboard.DashboardLink(title)
        .type(models.DashboardLinkType.LINK)
        .url(base_url + path)
        .icon("doc")
        .tooltip("drift's own page")
        .target_blank(True)
        .tags([])
        for title, path in board.pages
        if base_url
    ]
    return [others, *pages]


def written(board: Board, config: Config) -> str:
    """The dashboard as Grafana's JSON; the same config gives the same bytes."""
    made = dashboard.Dashboard(board.title).uid(board.uid).description(board.says).tags([TAG, board.name])
    made.refresh(board.refresh).time(f"now-{board.span}", "now").editable()
    made.timezone("utc" if str(config.timezone) == "UTC" else str(config.timezone))
    made.tooltip(models.DashboardCursorSync.CROSSHAIR)
    made.links(_links(board, config.notify.base_url.rstrip("/")))
    variables: tuple[Variable, ...] = (_datasource(), *board.variables)
    for chosen in variables:
        model = chosen.build()
        model.auto = model.auto_min = model.auto_count = (
            None  # are for intervals, and else unknown to Grafana
        )
        made.with_variable(chosen)
    made.annotations(list(board.annotations))
    number = 0
    for row in board.rows:
        number += 1
        made.with_row(dashboard.Row(row.title).id(number))
        for panel in row.panels:
            number += 1
            made.with_panel(panel.id(number))
    return json.dumps(made.build(), cls=JSONEncoder, sort_keys=True, indent=2, ensure_ascii=False) + "\n"
