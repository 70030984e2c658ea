import { run } from './tools.ts';

/** A check of kube-score that the chart does not pass on purpose. */
interface Exception {
  /** Id of the check. */
  readonly check: string;
  /** Names of the objects, without the release's. */
  readonly objects: RegExp;
  readonly reason: string;
}

const STACK = /-(loki|prometheus|alertmanager|grafana|redis(-replica)?)$/;
const ANY = /./;

const EXCEPTIONS: readonly Exception[] = [
  {
    check: 'container-image-pull-policy',
    objects: ANY,
    reason: 'tags are versions, which do not change; a pod must start while the registry is away',
  },
  {
    check: 'container-resources',
    objects: ANY,
    reason: 'no CPU limit: throttling stalls every socket of a pod at once; memory is limited',
  },
  {
    check: 'container-ephemeral-storage-request-and-limit',
    objects: ANY,
    reason:
      'logs count as ephemeral storage: a limit would evict a pod, and its clients, for logging; nothing else is written',
  },
  {
    check: 'deployment-replicas',
    objects: ANY,
    reason: 'one pod by default: sessions live in its memory; parts of the stack own their files alone',
  },
  {
    check: 'deployment-has-host-podantiaffinity',
    objects: /message-counter$/,
    reason: 'spread over nodes by topologySpreadConstraints, which unlike anti-affinity also balance',
  },
  { check: 'deployment-strategy', objects: STACK, reason: 'Recreate: two pods must never share the files of one' },
  { check: 'deployment-strategy', objects: /message-counter$/, reason: 'scenarios with Recreate and with a Rollout' },
  {
    check: 'container-security-context-user-group-id',
    objects: /-(grafana|redis(-replica)?)$/,
    reason: "472 and 999 are the images' own users",
  },
  {
    check: 'deployment-targeted-by-hpa-does-not-have-replicas-configured',
    objects: /message-counter$/,
    reason:
      'the live count on upgrade, the minimum on install: without it an autoscaler begins at 1 where it comes later',
  },
  { check: 'service-type', objects: /message-counter$/, reason: 'NodePort is what that scenario asks for' },
  {
    check: 'pod-networkpolicy',
    objects: /(message-counter|-test)$/,
    reason: 'a scenario with networkPolicy.enabled=false, which platforms with policies of their own set',
  },
];

/** Checks which grade is below this are faults (kube-score: 1 critical, 5 warning, 7 almost, 10 all right). */
const GOOD = 7;

interface ScoredObject {
  readonly object_name: string;
  readonly object_meta: { readonly name: string };
  readonly checks: readonly {
    readonly check: { readonly id: string };
    readonly grade: number;
    readonly skipped: boolean;
    readonly comments: readonly { readonly summary: string; readonly path: string }[] | null;
  }[];
}

/** Findings of kube-score over all scenarios. */
export class KubeScore {
  readonly #unused = new Set(EXCEPTIONS);

  /** Faults in a scenario's YAML that no exception covers. */
  faults(yaml: string): readonly string[] {
    // It knows no Rollout, which has the pods of a Deployment.
    const known = yaml.replaceAll(/argoproj\.io\/v1alpha1(\s+kind:) Rollout/g, 'apps/v1$1 Deployment');
    const { stdout, stderr } = run('kube-score', ['score', '--output-format', 'json', '-'], known);
    if (!stdout.startsWith('[')) throw new Error(`kube-score: ${stderr}${stdout}`);
    return (JSON.parse(stdout) as ScoredObject[]).flatMap((object) => this.#faultsOf(object));
  }

  /** Exceptions that covered nothing in any scenario: to be taken out. */
  unusedExceptions(): readonly string[] {
    return [...this.#unused].map(
      ({ check, objects }) => `the exception ${check} for ${String(objects)} covers nothing`,
    );
  }

  #faultsOf({ object_meta: { name }, object_name, checks }: ScoredObject): string[] {
    return checks
      .filter(({ grade, skipped }) => !skipped && grade < GOOD)
      .filter(({ check }) => !this.#isCovered(check.id, name))
      .flatMap(({ check, comments }) =>
        (comments ?? []).map(({ summary, path }) => `${object_name}: ${check.id}: ${path} ${summary}`),
      );
  }

  #isCovered(check: string, name: string): boolean {
    const exception = EXCEPTIONS.find((each) => each.check === check && each.objects.test(name));
    if (exception !== undefined) this.#unused.delete(exception);
    return exception !== undefined;
  }
}
