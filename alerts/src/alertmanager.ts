import { stringify } from 'yaml';
import { GROUP } from './config.ts';
import { SERVICE_LABELS } from './rule.ts';

/** What decides who hears of an alert, told once: the plain file and the AlertmanagerConfig are two spellings of it. */
export interface Routing {
  /** Labels whose values make one outage: alerts that have them in common come as one notification. */
  readonly groupBy: readonly string[];
  /** Where alerts go that no route below takes. */
  readonly fallback: ReceiverName;
  readonly timings: Timings;
  readonly routes: readonly Route[];
  readonly inhibitions: readonly Inhibition[];
}

/** Who is told. `page` wakes someone up, `ticket` waits for the morning, `info` is only looked at. */
export type ReceiverName = 'page' | 'ticket' | 'info';

/** When a group of alerts is told of, as Prometheus durations. */
export interface Timings {
  /** How long the first alert of a group waits for the others. */
  readonly groupWait: string;
  /** Least time between two notifications of a group that changed. */
  readonly groupInterval: string;
  /** Time after which a group that still fires is told of again. */
  readonly repeatInterval: string;
}

/** Alerts of one severity. */
export interface Route {
  readonly receiver: ReceiverName;
  readonly matchers: readonly Matcher[];
  readonly timings: Pick<Timings, 'groupWait' | 'repeatInterval'>;
}

/** While an alert of `source` fires, those of `target` with the same `equal` labels are not told of. */
export interface Inhibition {
  readonly source: readonly Matcher[];
  readonly target: readonly Matcher[];
  readonly equal: readonly string[];
}

/** Matches a label. */
export interface Matcher {
  readonly label: string;
  readonly operator: '=' | '!=' | '=~' | '!~';
  readonly value: string;
}

const OURS: Matcher = { label: 'alertname', operator: '=~', value: 'Websocket.+' };
const DOWN: Matcher = { label: 'alertname', operator: '=', value: 'WebsocketServiceDown' };

/** The routes of the service's alerts. */
export const ROUTING: Routing = {
  groupBy: SERVICE_LABELS,
  fallback: 'ticket',
  timings: { groupWait: '1m', groupInterval: '5m', repeatInterval: '1d' },
  routes: [
    {
      receiver: 'page',
      matchers: [severity('critical')],
      timings: { groupWait: '10s', repeatInterval: '1h' },
    },
    { receiver: 'info', matchers: [severity('info')], timings: { groupWait: '5m', repeatInterval: '3d' } },
  ],
  inhibitions: [
    {
      source: [severity('critical')],
      target: [{ label: 'severity', operator: '=~', value: 'warning|info' }],
      equal: [...SERVICE_LABELS, 'alertname'],
    },
    // While nothing is ready, every other alert says the same in other words. A target never inhibits itself.
    { source: [DOWN], target: [{ ...DOWN, operator: '!=' }], equal: SERVICE_LABELS },
  ],
};

/** Name of the Secret that holds the receivers' addresses: `<receiver>-webhook-url` and `<receiver>-slack-url`. */
export const SECRET = `${GROUP}-alert-receivers`;

/** Title of a notification: how bad, where, what. */
const TITLE =
  '{{ if eq .Status "firing" }}{{ .CommonLabels.severity | toUpper }}{{ else }}RESOLVED{{ end }}' +
  ' {{ with .GroupLabels.cluster }}{{ . }}/{{ end }}{{ .GroupLabels.namespace }}/{{ .GroupLabels.release }}: {{ (index .Alerts 0).Annotations.summary }}' +
  '{{ if gt (len .Alerts) 1 }} (and {{ len (slice .Alerts 1) }} more){{ end }}';

/** Text of a notification: for each alert what is wrong, then what to do first, what to do about it and where to look. */
const TEXT = `{{ range .Alerts }}{{ .Labels.alertname }} ({{ .Labels.severity }}, {{ .Status }}): {{ .Annotations.description }}
{{ if eq .Status "firing" }}First steps:
{{ .Annotations.first_steps }}
What to do: {{ or .Annotations.runbook_url .Annotations.runbook_command }}
Where to look: {{ .Annotations.dashboard_url }}
Log: {{ .Annotations.logs_url }}
{{ end }}{{ end }}`;

/** Template file of the plain configuration. */
export function notificationTemplates(): string {
  return `{{ define "websocket.title" }}${TITLE}{{ end }}\n{{ define "websocket.text" }}${TEXT}{{ end }}\n`;
}

/** Where the plain configuration finds what it does not hold itself. */
export interface PlainPaths {
  /** Folder with a file for each receiver's address. */
  readonly secrets: string;
  readonly templates: string;
}

/** Configuration of an Alertmanager of one's own: addresses come from files, so that none stands in it. */
export function plainAlertmanager(routing: Routing, { secrets, templates }: PlainPaths): string {
  const receiver = (name: ReceiverName): object => ({
    name,
    webhook_configs: [{ url_file: `${secrets}/${name}-webhook-url`, send_resolved: true }],
    ...(name === 'page' && {
      slack_configs: [
        {
          api_url_file: `${secrets}/${name}-slack-url`,
          send_resolved: true,
          title: '{{ template "websocket.title" . }}',
          text: '{{ template "websocket.text" . }}',
        },
      ],
    }),
  });
  return yaml({
    route: {
      receiver: 'none',
      routes: [
        {
          receiver: routing.fallback,
          matchers: [plainMatcher(OURS)],
          group_by: routing.groupBy,
          group_wait: routing.timings.groupWait,
          group_interval: routing.timings.groupInterval,
          repeat_interval: routing.timings.repeatInterval,
          routes: routing.routes.map(({ receiver: to, matchers, timings }) => ({
            receiver: to,
            matchers: matchers.map(plainMatcher),
            group_wait: timings.groupWait,
            repeat_interval: timings.repeatInterval,
          })),
        },
      ],
    },
    inhibit_rules: routing.inhibitions.map(({ source, target, equal }) => ({
      source_matchers: [OURS, ...source].map(plainMatcher),
      target_matchers: [OURS, ...target].map(plainMatcher),
      equal,
    })),
    receivers: [{ name: 'none' }, ...receiverNames(routing).map(receiver)],
    templates: [templates],
  });
}

/**
 * The same as an AlertmanagerConfig (monitoring.coreos.com/v1alpha1). The operator adds a matcher for its namespace to every
 * route and inhibition, so it is applied in the namespace of the release.
 */
export function alertmanagerConfig(routing: Routing): string {
  const secret = (key: string): object => ({ name: SECRET, key });
  const receiver = (name: ReceiverName): object => ({
    name,
    webhookConfigs: [{ urlSecret: secret(`${name}-webhook-url`), sendResolved: true }],
    ...(name === 'page' && {
      slackConfigs: [{ apiURL: secret(`${name}-slack-url`), sendResolved: true, title: TITLE, text: TEXT }],
    }),
  });
  return yaml({
    apiVersion: 'monitoring.coreos.com/v1alpha1',
    kind: 'AlertmanagerConfig',
    metadata: { name: GROUP },
    spec: {
      route: {
        receiver: routing.fallback,
        matchers: [customMatcher(OURS)],
        groupBy: routing.groupBy,
        ...routing.timings,
        routes: routing.routes.map(({ receiver: to, matchers, timings }) => ({
          receiver: to,
          matchers: matchers.map(customMatcher),
          groupBy: routing.groupBy,
          groupInterval: routing.timings.groupInterval,
          ...timings,
        })),
      },
      inhibitRules: routing.inhibitions.map(({ source, target, equal }) => ({
        sourceMatch: [OURS, ...source].map(customMatcher),
        targetMatch: [OURS, ...target].map(customMatcher),
        equal,
      })),
      receivers: receiverNames(routing).map(receiver),
    },
  });
}

/** When each receiver is told. */
export function timingsOf({ fallback, timings, routes }: Routing): readonly ReceiverTimings[] {
  const { groupWait, repeatInterval } = timings;
  return [
    ...routes.map(({ receiver, timings: own }) => ({ receiver, ...own })),
    { receiver: fallback, groupWait, repeatInterval },
  ];
}

/** The waits of one receiver. */
export interface ReceiverTimings extends Pick<Timings, 'groupWait' | 'repeatInterval'> {
  readonly receiver: ReceiverName;
}

function severity(value: string): Matcher {
  return { label: 'severity', operator: '=', value };
}

function receiverNames({ fallback, routes }: Routing): ReceiverName[] {
  return [...new Set([...routes.map(({ receiver }) => receiver), fallback])];
}

function plainMatcher({ label, operator, value }: Matcher): string {
  return `${label}${operator}${JSON.stringify(value)}`;
}

function customMatcher({ label, operator, value }: Matcher): object {
  return { name: label, matchType: operator, value };
}

function yaml(content: object): string {
  return stringify(content, { lineWidth: 0, aliasDuplicateObjects: false });
}
