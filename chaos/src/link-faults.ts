import type { FaultKind } from './fault-kind.ts';
import type { Means } from './means.ts';
import type { System } from './system.ts';
import type { Undo } from './undo.ts';
import type { Link, Toxic } from './link.ts';

/** What can happen to a link, with what is said of it. */
const LINK_FAULTS: readonly (readonly [name: string, doc: string, (link: Link) => Promise<Undo>, needs?: Means])[] = [
  ['cut', 'is cut: connections end, and new ones are refused', (link) => link.cut()],
  ['slow', 'is slow: 0.1 to 0.5 s later in both directions', (link) => link.poison(late(300, 200))],
  [
    'held',
    'holds everything back for 3 s, longer than the time-outs, and delivers it then',
    (link) => link.poison(late(3000, 0)),
  ],
  [
    'one-way',
    'is one-way: what is sent arrives, the answers do not',
    (link) => link.poison([{ type: 'timeout', stream: 'downstream', attributes: { timeout: 0 } }]),
  ],
  [
    'lossy',
    'loses connections after 2,000 bytes, in the middle of an answer',
    (link) => link.poison([{ type: 'limit_data', stream: 'downstream', attributes: { bytes: 2000 } }]),
  ],
  [
    'packets-lost',
    'loses 3 of 10 packets (iptables)',
    (link) => dropped(link, (port) => ['--destination-port', port, ...THREE_OF_TEN]),
    'sandbox',
  ],
  [
    'packets-one-way',
    'loses every packet of the answers, and what acknowledges those of the other direction (iptables)',
    (link) => dropped(link, (port) => ['--source-port', port]),
    'sandbox',
  ],
];

const THREE_OF_TEN = ['--match', 'statistic', '--mode', 'random', '--probability', '0.3'];

/** Everything that can happen to some links, as kinds of faults. @param between what they connect */
export function linkFaults(
  of: string,
  between: string,
  links: (system: System) => readonly Link[],
  rest: Omit<FaultKind, 'doc' | 'targets'>,
): Readonly<Record<string, FaultKind>> {
  const kinds = LINK_FAULTS.map(([name, doc, apply, needs]): [string, FaultKind] => [
    `${of}-link-${name}`,
    {
      ...rest,
      ...(needs !== undefined && { needs }),
      doc: `the link between ${between} ${doc}`,
      targets: (system) => links(system).map((link) => ({ name: `link ${link.name}`, apply: () => apply(link) })),
    },
  ]);
  return Object.fromEntries(kinds);
}

function dropped(link: Link, which: (port: string) => readonly string[]): Promise<Undo> {
  return Promise.resolve(link.drop(which));
}

function late(latency: number, jitter: number): readonly Toxic[] {
  const attributes = { latency, jitter };
  return (['upstream', 'downstream'] as const).map((stream) => ({ type: 'latency', stream, attributes }));
}
