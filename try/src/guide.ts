import { addressOf, GRAFANA, PARTS, SERVICE, type Part } from './forward.ts';
import { FULL_NAME, RELEASE } from './names.ts';
import { PAGER } from './pager.ts';
import type { Platform } from './platforms.ts';

/** The parts that run on a platform. */
export function partsOn({ withoutGrafana }: Platform): readonly Part[] {
  return withoutGrafana === '' ? PARTS : PARTS.filter((part) => part !== GRAFANA);
}

/**
 * What is printed when a trial is up: the addresses, the password, three things to try.
 * @param password of Grafana's admin, where Grafana runs
 */
export function guide(place: Platform, namespace: string, offset: number, password: string | undefined): string {
  const kubectl = [
    'kubectl',
    ...(place.kubeconfig === undefined ? [] : ['--kubeconfig', place.kubeconfig]),
    ...(place.context === undefined ? [] : ['--context', place.context]),
    ...['-n', namespace],
  ].join(' ');
  const port = SERVICE.port + offset;
  return [
    '',
    'It is up.',
    ...partsOn(place).map((part) => `  ${part.title.padEnd(13)} ${addressOf(part, offset)}`),
    password === undefined
      ? `  No Grafana: ${place.withoutGrafana}. Elsewhere ${addressOf(GRAFANA, offset)} would open, the dashboard of this release.`
      : `  Grafana's user is admin, the password ${password}`,
    '',
    'Three things to try:',
    '1. Send a message, and see its count: on the console page, or',
    `     npx --yes wscat -c ws://localhost:${port}/ws/chat/`,
    '2. Roll out under load; each client gets its bye, resumes its session and goes on counting. In two terminals:',
    `     npm run loadtest -- --host ws://localhost:${port} --sockets 200 --duration 90 --no-metrics`,
    `     ${kubectl} rollout restart deployment/${FULL_NAME}`,
    '   (the tunnel from here ends with its pod, so that clients are away for longer than behind a load balancer)',
    '3. See a page: kill every pod, and look at what the pager receives, about two minutes later. A quota keeps others from coming:',
    `     ${kubectl} create quota no-pods --hard=pods=0`,
    `     ${kubectl} delete pods --force -l app.kubernetes.io/instance=${RELEASE},app.kubernetes.io/component=service`,
    `     ${kubectl} logs --follow deployment/${PAGER}`,
    `     ${kubectl} delete quota no-pods`,
    `     ${kubectl} rollout restart deployment/${FULL_NAME}`,
    '',
    'Ctrl-C ends the tunnels to it; npm run try opens them again, and npm run try -- --down removes everything.',
  ].join('\n');
}
