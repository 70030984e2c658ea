/**
 * Who may import what, checked by `npm run lint`. Type imports count. scripts/test/import-rules.test.ts plants one
 * violation of each rule.
 *
 * @type {import('dependency-cruiser').IConfiguration}
 */

/** The rooms of service/src from top to bottom: a room imports from those below it only. The files of the root are above all. */
const ROOMS = [
  ['connections'],
  ['http'],
  ['lifecycle', 'metrics'],
  ['protocol'],
  ['sessions', 'loki', 'tracing'],
  ['log'],
  ['config'],
  ['runtime'],
];

/** What the other top-level folders may know of the service. */
const TABLES = '^service/src/(config/options|metrics/metrics|protocol/protocol|log/events)\\.ts$';
const FAST_PATH = '^service/src/connections/fast-path/';
const TEST_FOLDER = '/test/';
const TESTS = [TEST_FOLDER, '\\.test\\.ts$'];

const downwards = ROOMS.flatMap((rank, index) =>
  rank.map((room) => {
    const others = ROOMS.slice(0, index + 1)
      .flat()
      .filter((other) => other !== room);
    return {
      name: `${room}-imports-downwards`,
      comment: `service/src/${room} imports from the rooms below it only: what both need goes into the lower one`,
      severity: 'error',
      from: { path: `^service/src/${room}/` },
      to: { path: ['^service/src/[^/]+$', ...others.map((other) => `^service/src/${other}/`)] },
    };
  }),
);

export default {
  forbidden: [
    ...downwards,
    {
      name: 'no-circle',
      comment: 'types that two files exchange live in a third one',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-import-from-tests',
      comment: 'only tests import from a test folder; what tests of several folders share lives in testkit/',
      severity: 'error',
      from: { pathNot: TEST_FOLDER },
      to: { path: TESTS },
    },
    {
      name: 'testkit-is-for-tests',
      comment: 'what programs share lives in lib/',
      severity: 'error',
      from: { pathNot: ['^(testkit|e2e|bench|chaos)/', ...TESTS] },
      to: { path: '^testkit/' },
    },
    {
      name: 'service-tables-only',
      comment: 'the other folders know the service by its tables: options, metrics, codes and log events',
      severity: 'error',
      // An example stands in for service/src/handler.ts.
      from: { pathNot: '^(service|testkit|examples)/' },
      to: { path: '^service/src/', pathNot: TABLES },
    },
    {
      name: 'service-stands-alone',
      comment: 'the service imports from lib/ alone; its self-test is a client',
      severity: 'error',
      from: { path: '^service/src/' },
      to: {
        path: '^[^/.]+/',
        pathNot: ['^(service/src|lib|node_modules)/', '^client/client\\.'],
        dependencyTypesNot: ['core'],
      },
    },
    {
      name: 'lib-stands-alone',
      severity: 'error',
      from: { path: '^lib/' },
      to: { path: '^[^/.]+/', pathNot: ['^(lib|node_modules)/'], dependencyTypesNot: ['core'] },
    },
    {
      name: 'client-stands-alone',
      comment: 'the client runs in browsers and has no dependencies',
      severity: 'error',
      from: { path: '^client/', pathNot: TESTS },
      to: { pathNot: '^client/' },
    },
    {
      name: 'fast-path-for-a-connection',
      comment: 'connections/connection alone takes the fast path; its tests excepted',
      severity: 'error',
      from: { pathNot: ['^service/src/connections/(fast-path/|connection\\.ts$)', TEST_FOLDER] },
      to: { path: FAST_PATH },
    },
    {
      name: 'fast-path-by-its-entries',
      comment: 'how frames are found is the business of connections/fast-path: the ways in and out are two files',
      severity: 'error',
      from: { pathNot: [FAST_PATH, TEST_FOLDER] },
      to: { path: FAST_PATH, pathNot: '/(short-text-scanner|direct-reply)\\.ts$' },
    },
    {
      name: 'winston-loki-in-its-transport',
      comment: 'what the service relies on in winston-loki stands in one file',
      severity: 'error',
      from: { pathNot: ['^service/src/loki/transport\\.ts$', TEST_FOLDER] },
      to: { path: '(^|/)node_modules/winston-loki/' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    exclude: { path: '^(dist|\\.cache)/' },
    doNotFollow: { path: 'node_modules' },
  },
};
