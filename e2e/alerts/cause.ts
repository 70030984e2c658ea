import { OVERVIEW_ROWS } from '../../dashboards/src/overview.ts';
import type { PanelSpec, RowSpec } from '../../dashboards/src/panel.ts';

/** Where the person who is paged looks, and what they see there. */
export type Look =
  | { readonly panel: string; readonly shows: RegExp }
  | { readonly log: 'link'; readonly shows: RegExp }
  | { readonly command: number; readonly shows: RegExp };

/** Steps that a person may need from the notification to the cause. */
export const MOST_STEPS = 3;

/** A panel of the dashboard that the notification links to. @param shows a line `<series>: <last value> (<colour>), at most <value>` */
export function inPanel(panel: string, shows: RegExp): Look {
  return { panel, shows };
}

/** The lines that the notification's link to the log finds. */
export function inLog(shows: RegExp): Look {
  return { log: 'link', shows };
}

/** A command of the notification's first steps, by its place among them, from 1 on. @param shows what it prints */
export function byCommand(command: number, shows: RegExp): Look {
  return { command, shows };
}

/** A step is a link that is followed, a row of the dashboard that is opened, or a command that is run. */
export function stepsOf(looks: readonly Look[]): number {
  const steps = looks.flatMap((look) => {
    // Who does not know the cause runs those before it, too.
    if ('command' in look) return Array.from({ length: look.command }, (_, index) => `command ${index + 1}`);
    if ('log' in look) return ['log'];
    const { title, open } = panelNamed(look.panel).row;
    return open === true ? ['dashboard'] : ['dashboard', `row ${title}`];
  });
  return new Set(steps).size;
}

/** Commands of the first steps of a notification. */
export function commandsIn(firstSteps: string): readonly string[] {
  return [...firstSteps.matchAll(/`((?:kubectl|curl) [^`]+)`/g)].map(([, command = '']) => command);
}

/** Why a look can not be taken by what a notification says; `undefined` if it can. */
export function missingIn(firstSteps: string, look: Look): string | undefined {
  if ('panel' in look) {
    const named = firstSteps.includes(`"${look.panel}"`) || panelNamed(look.panel).row.open === true;
    return named ? undefined : `the first steps do not name the panel "${look.panel}"`;
  }
  if ('log' in look)
    return /\b[Ss]earch the log/.test(firstSteps) ? undefined : 'the first steps do not mention the log';
  return commandsIn(firstSteps)[look.command - 1] === undefined
    ? `the first steps have no command ${look.command}`
    : undefined;
}

/** @throws {Error} if the dashboard has no such panel */
export function panelNamed(title: string): { readonly row: RowSpec; readonly panel: PanelSpec } {
  for (const row of OVERVIEW_ROWS) {
    const panel = row.panels.find((each) => each.title === title);
    if (panel !== undefined) return { row, panel };
  }
  throw new Error(`the dashboard has no panel "${title}"`);
}
