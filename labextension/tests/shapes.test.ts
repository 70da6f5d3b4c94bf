import { describe, expect, test } from 'vitest';

import { pythonOf, pythonText } from '../src/ui/text/python.js';
import { FieldProblem, shapeOf } from '../src/ui/parts/form/shapes.js';
import { lineOf, secondsOf, tidyDuration, wordsOf } from '../src/ui/text/words.js';
import type { UIForm } from '../src/ui/wire/types.js';

const SUBMIT: UIForm = { id: 'submit', fields: [{ name: 'exec' }, { name: 'args' }] };
const PLACE = { endpoint: 'hpc1', plugin: 'psij' };

describe('psij', () => {
  const psij = shapeOf('psij', SUBMIT);

  test('values become a job_spec and an executor', () => {
    const body = psij.body({
      exec: './relax.sh',
      args: `--steps 20000 'a b' "c \\"d"`,
      executor: 'slurm',
      queue: 'debug',
      account: 'proj_a',
      duration: '45 min',
      node_count: 2,
      custom: { 'slurm.constraint': 'gpu' },
    });
    expect(body).toEqual({
      job_spec: {
        executable: './relax.sh',
        arguments: ['--steps', '20000', 'a b', 'c "d'],
        attributes: {
          queue_name: 'debug',
          account: 'proj_a',
          duration: '45m',
          node_count: 2,
          custom_attributes: { 'slurm.constraint': 'gpu' },
        },
      },
      executor: 'slurm',
    });
  });

  test('what is empty is left out', () => {
    const values = { exec: '/bin/date', args: '', queue: '', account: '', duration: '', custom: {} };
    expect(psij.body(values)).toEqual({ job_spec: { executable: '/bin/date' } });
  });

  test('a quote that isn’t closed is said beside the arguments', () => {
    expect(() => psij.body({ exec: 'a', args: `it's` })).toThrow(FieldProblem);
  });

  test.each([
    ['executor', 'executor'],
    ['job_spec.executable', 'exec'],
    ['job_spec.arguments[0]', 'args'],
    ['job_spec.attributes.queue_name', 'queue'],
    ['job_spec.attributes.project_name', 'account'],
    ['job_spec.attributes.duration', 'duration'],
    ['job_spec.resources.node_count', 'node_count'],
    ['job_spec.attributes.custom_attributes.slurm.constraint', 'custom'],
    ['job_spec.launcher', ''],
  ])('the server’s %s is the form’s %s', (server, field) => {
    expect(psij.field(server)).toBe(field);
  });

  test('the code is the same submit', () => {
    const code = psij.python(PLACE, { exec: '/bin/echo', args: 'hi', executor: 'slurm', duration: '600' });
    expect(code).toBe(
      'import orbit_jupyter as orbit\n\nhpc = orbit.connect()["hpc1"]\n' +
        'job = hpc.psij.submit_job({"executable": "/bin/echo", "arguments": ["hi"], "attributes": {"duration": 600}}, "slurm")\n',
    );
  });
});

describe('other plugins', () => {
  const form: UIForm = { id: 'add', fields: [{ name: 'text' }], submit: { endpoint: 'add/{sid}' } };

  test('values are sent as they are', () => {
    expect(shapeOf('tally', form).body({ text: 'to be', weight: 2 })).toEqual({ text: 'to be', weight: 2 });
  });

  test('the code calls the same route', () => {
    const code = shapeOf('tally', form).python({ endpoint: 'hpc1', plugin: 'tally' }, { text: 'to be', on: true });
    expect(code).toContain('hpc.get_plugin("tally").call("POST", "add/{sid}", {"text": "to be", "on": True})');
  });

  test('a file in the code is read where the code runs', () => {
    const code = shapeOf('tally', form).python(PLACE, { content: new File(['x'], 'a"b.txt') });
    expect(code).toContain('base64.b64encode(Path("a\\"b.txt").read_bytes()).decode()');
  });

  test('a field within a field of the form is that one', () => {
    expect(shapeOf('tally', form).field('$.text[0]')).toBe('text');
    expect(shapeOf('tally', form).field('other')).toBe('');
  });

  test('a form of psij that is no submit is sent as it is', () => {
    expect(shapeOf('psij', form).body({ text: 'x' })).toEqual({ text: 'x' });
  });

  test('staging says it with its client', () => {
    const put: UIForm = { id: 'upload', submit: { endpoint: 'put/{sid}' } };
    const values = { content: new File(['x'], 'a.csv'), filename: '~/a.csv', overwrite: true };
    const code = shapeOf('staging', put).python({ endpoint: 'hpc1', plugin: 'staging' }, values);
    expect(code).toContain('hpc.staging.put("a.csv", "~/a.csv", overwrite=True)');
  });

  test('rhapsody gets a list of tasks', () => {
    expect(shapeOf('rhapsody', SUBMIT).body({ exec: '/bin/echo', args: 'a b', backend: 'concurrent' })).toEqual({
      tasks: [{ executable: '/bin/echo', arguments: ['a', 'b'], backend: 'concurrent' }],
    });
  });
});

test('text is a Python literal that nothing gets out of', () => {
  expect(pythonText('a"b\\c\n\u202e')).toBe('"a\\"b\\\\c\\n\\u202e"');
  expect(pythonOf({ a: [1, null, true], b: 'x"]' })).toBe('{"a": [1, None, True], "b": "x\\"]"}');
  const code = shapeOf('x', { id: 'f' }).python({ endpoint: '"]; import os #', plugin: 'a");os.abort()#' }, {});
  expect(code).toContain('orbit.connect()["\\"]; import os #"]');
  expect(code).toContain('get_plugin("a\\");os.abort()#")');
});

test.each([
  ['', []],
  ['a  b', ['a', 'b']],
  [`'a b'c`, ['a bc']],
  [`""`, ['']],
  ['a\\ b', ['a b']],
  [`"a\\n"`, ['a\\n']],
  [`'a\\'`, ['a\\']],
])('%s is split as a shell does', (line, words) => {
  expect(wordsOf(line)).toEqual(words);
});

test('a line of words is split into the same words', () => {
  const words = ['--x=1', 'a b', `it's`, '', '"q"', '\\'];
  expect(wordsOf(lineOf(words))).toEqual(words);
});

test.each([
  ['600', '600', 600],
  ['45 min', '45m', 2700],
  ['1 hour 30 minutes', '1h30m', 5400],
  ['2d', '2d', 172_800],
  ['01:30:00', '01:30:00', 5400],
  ['1-00:00:00', '1-00:00:00', 86_400],
  ['soon', 'soon', null],
])('%s is written as %s', (text, tidy, seconds) => {
  expect(tidyDuration(text)).toBe(tidy);
  expect(secondsOf(tidy)).toBe(seconds);
});
