import packageJson from '../package.json' with { type: 'json' };

/** Where the sources are published: package.json says it, and every address in chart and alerts begins with it. */
export const REPOSITORY: string = packageJson.repository.url.replace(/^git\+|\.git$/g, '');

/** Address of a page of the main branch. */
export function pageUrl(path: string): string {
  return `${REPOSITORY}/blob/main/${path}`;
}
