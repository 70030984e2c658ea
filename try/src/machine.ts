import { spawnSync } from 'node:child_process';
import { obstacles, onPath, toolEnvironment } from '../../scripts/tools.ts';

/** What this machine has for a trial. */
export interface Machine {
  /** `silent`: the client is there, its daemon does not answer. */
  readonly docker: 'answers' | 'silent' | 'absent';
  /** Programs that are there. */
  readonly tools: ReadonlySet<string>;
  /** Current context of the kubeconfig, unless it is the test bed's. */
  readonly context: string | undefined;
  /** What keeps the test bed from being used; `undefined` if nothing does. */
  readonly testbed: string | undefined;
}

/** Longest that a program may take to answer, in milliseconds. */
const ANSWER_MS = 10_000;
const TOOLS = ['kind', 'k3d', 'minikube', 'kubectl', 'helm'];

/** Looks at what is there. Nothing is changed. */
export function lookAround(): Machine {
  const tools = new Set(TOOLS.filter((tool) => onPath(tool) !== undefined));
  return {
    docker:
      onPath('docker') === undefined
        ? 'absent'
        : answers('docker', 'version', '--format', '{{.Server.Version}}')
          ? 'answers'
          : 'silent',
    tools,
    context: tools.has('kubectl') ? currentContext() : undefined,
    testbed: testbedObstacle(),
  };
}

function currentContext(): string | undefined {
  const context = output('kubectl', 'config', 'current-context');
  return context === '' || context === 'testbed' ? undefined : context;
}

function testbedObstacle(): string | undefined {
  if (process.platform !== 'linux') return 'it takes Linux';
  const { apt, go } = obstacles();
  return [apt, go].filter((obstacle) => obstacle !== undefined).join(', ') || undefined;
}

function answers(program: string, ...args: string[]): boolean {
  return output(program, ...args) !== '';
}

function output(program: string, ...args: string[]): string {
  const { status, stdout } = spawnSync(program, args, { encoding: 'utf8', env: toolEnvironment(), timeout: ANSWER_MS });
  return status === 0 ? stdout.trim() : '';
}
