import { parse, stringify } from 'yaml';
import { releaseNotes } from '../../scripts/release/version.ts';
import { pageUrl, REPOSITORY } from '../../lib/repository.ts';

/** A change as Artifact Hub shows it. */
interface Change {
  readonly kind: string;
  readonly description: string;
}

/** Kinds of changes that Artifact Hub knows, which are the headings of Keep a Changelog. */
const KINDS = ['added', 'changed', 'deprecated', 'removed', 'fixed', 'security'];

/**
 * The part of Chart.yaml that says where things are: for `helm show chart` and Artifact Hub
 * (https://artifacthub.io/docs/topics/annotations/helm).
 * @param values text of values.yaml
 * @param changelog text of CHANGELOG.md
 */
export function publicationBlock(values: string, changelog: string, version: string): string {
  const list = (items: unknown): string => stringify(items, { lineWidth: 0 });
  return stringify(
    {
      home: REPOSITORY,
      sources: [REPOSITORY],
      icon: `${REPOSITORY}/raw/main/chart/icon.svg`,
      annotations: {
        'artifacthub.io/category': 'networking',
        'artifacthub.io/license': 'Apache-2.0',
        'artifacthub.io/images': list(images(values, version)),
        'artifacthub.io/changes': list(changes(changelog, version)),
        'artifacthub.io/links': list([
          { name: 'Prerequisites', url: pageUrl('chart/README.md#prerequisites') },
          { name: 'How a pod ends', url: pageUrl('docs/chart.md') },
          { name: 'Clients', url: pageUrl('docs/clients.md') },
          { name: 'Runbooks', url: pageUrl('docs/alerts.md') },
          { name: 'Make it yours', url: pageUrl('docs/make-it-yours.md') },
        ]),
      },
    },
    { lineWidth: 0 },
  );
}

/** The changes of a version; none if the changelog does not have it. */
export function changes(changelog: string, version: string): readonly Change[] {
  const section = releaseNotes(changelog, version) ?? '';
  return section.split(/^### /m).flatMap((part) => {
    const kind = part.split('\n', 1)[0]?.toLowerCase() ?? '';
    if (!KINDS.includes(kind)) return [];
    const items = part.split(/^- /m).slice(1);
    return items.map((item) => ({ kind, description: plain(item) }));
  });
}

/** One line without the marks of Markdown. */
function plain(text: string): string {
  return text
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll('`', '')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

function images(text: string, version: string): readonly { readonly name: string; readonly image: string }[] {
  const values = parse(text) as { image: Image; stack: unknown };
  const own = { name: 'websocket-message-counter', image: nameOf({ ...values.image, tag: version }) };
  return [own, ...imagesIn('stack', values.stack)];
}

function imagesIn(name: string, value: unknown): readonly { readonly name: string; readonly image: string }[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) =>
    key === 'image' ? [{ name, image: nameOf(each as Image) }] : imagesIn(key, each),
  );
}

interface Image {
  readonly repository: string;
  readonly tag: string;
}

function nameOf({ repository, tag }: Image): string {
  return `${repository}:${tag}`;
}
