import { html } from 'lit';
import { expect, test } from 'vitest';

import { OrbitError } from '../src/ui/channel/errors.js';
import type { FormElement, Submitted } from '../src/ui/parts/form/form.js';
import '../src/ui/parts/form/form.js';
import type { UIField, UIForm } from '../src/ui/wire/types.js';
import { FakeChannel } from './fake-channel.js';
import { all, mount, settled, textOf } from './mount.js';

const PSIJ: UIForm = {
  id: 'submit',
  layout: 'grid2',
  fields: [
    { name: 'exec', label: 'Executable', column: 0 },
    { name: 'args', label: 'Arguments', required: false, column: 0 },
    { name: 'executor', type: 'select', label: 'Executor', options_endpoint: 'executors', default: 'local' },
    { name: 'queue', label: 'Queue', required: false, column: 1 },
    { name: 'account', label: 'Account', required: false, column: 1 },
    { name: 'duration', label: 'Duration', required: false, column: 1 },
    { name: 'node_count', type: 'number', label: 'Nodes', required: false, column: 1 },
    { name: 'custom', type: 'custom_attributes', label: 'Custom', required: false, column: 1 },
  ],
};

const EXECUTORS = {
  default: 'local',
  executors: [
    { name: 'local', available: true, reason: null },
    { name: 'lsf', available: false, reason: 'bsub is not on the PATH' },
    { name: 'slurm', available: true, reason: null },
  ],
  launchers: [{ name: 'mpirun', available: true, reason: null }],
  own: 'slurm',
};

const QUEUE = { default: true, time_limit_seconds: 1800, nodes_available: 12, nodes_idle: 5, nodes_max: null };

function channel(): FakeChannel {
  return new FakeChannel()
    .endpoint('hpc1', { psij: {}, queue_info: {} })
    .on('GET', /psij\/executors$/, () => EXECUTORS)
    .on('GET', /get_info/, () => ({ queues: { debug: { name: 'debug', ...QUEUE, nodes_total: 20 } } }))
    .on('GET', /list_allocations/, () => ({ allocations: [{ account: 'proj_a', remaining_node_hours: 812 }] }));
}

interface Shown {
  form: FormElement;
  submitted: Submitted[];
  codes: string[];
  told: Record<string, unknown>[];
}

async function shown(channel: FakeChannel, form: UIForm, type = 'psij', plugin = type): Promise<Shown> {
  const [submitted, codes, told] = [[], [], []] as [Submitted[], string[], Record<string, unknown>[]];
  const element = await mount<FormElement>(
    html`<orbit-form
      .channel=${channel}
      .endpoint=${'hpc1'}
      .plugin=${plugin}
      .type=${type}
      .form=${form}
      @orbit-submitted=${(event: CustomEvent<Submitted>) => submitted.push(event.detail)}
      @orbit-code=${(event: CustomEvent<string>) => codes.push(event.detail)}
      @orbit-values=${(event: CustomEvent<Record<string, unknown>>) => told.push(event.detail)}
    ></orbit-form>`,
  );
  return { form: element, submitted, codes, told };
}

function input(form: FormElement, name: string): HTMLInputElement {
  return all(form, `[id="f-${name}"]`)[0] as HTMLInputElement;
}

async function type(form: FormElement, name: string, value: string): Promise<void> {
  const found = input(form, name);
  found.value = value;
  found.dispatchEvent(new Event(found.matches('select') ? 'change' : 'input'));
  await settled();
}

async function press(form: FormElement, label: string): Promise<void> {
  all(form, 'button')
    .find(button => button.textContent.trim() === label)!
    .click();
  await settled();
}

function said(form: FormElement, name: string): string {
  return all(form, `[id="said-${name}"]`)[0]!.textContent.trim();
}

const posts = (channel: FakeChannel) =>
  channel.calls.filter(call => call.method === 'POST' && !call.path.includes('register'));

test('the executor of the host itself is chosen, and those that can’t be used say why', async () => {
  const { form } = await shown(channel(), PSIJ);
  expect(input(form, 'executor').value).toBe('slurm');
  const options = [...all(form, '[id="f-executor"] option')] as HTMLOptionElement[];
  expect(options.map(one => [one.value, one.disabled])).toEqual([
    ['local', false],
    ['lsf', true],
    ['slurm', false],
  ]);
  expect(options[1]!.title).toBe('bsub is not on the PATH');
});

test('a job is submitted as psij wants it, once however often the button is pressed', async () => {
  const asked = channel().on('POST', /submit/, () => ({ job_id: 'j1', native_id: '53821' }));
  const { form, submitted } = await shown(asked, PSIJ);
  await type(form, 'exec', './relax.sh');
  await type(form, 'args', `--steps 20 'a b'`);
  await type(form, 'node_count', '2');
  const button = all(form, 'button[type="submit"]')[0]!;
  button.click();
  button.click();
  await settled();
  expect(posts(asked)).toHaveLength(1);
  expect(posts(asked)[0]).toMatchObject({
    path: '/psij/submit/s1',
    body: {
      job_spec: { executable: './relax.sh', arguments: ['--steps', '20', 'a b'], attributes: { node_count: 2 } },
      executor: 'slurm',
    },
  });
  expect(posts(asked)[0]!.key).toMatch(/^[0-9a-f-]{32,36}$/);
  expect(submitted).toEqual([{ form: 'submit', answer: { job_id: 'j1', native_id: '53821' } }]);
  expect(textOf(form)).toContain('Job 53821 is submitted.');
});

test('what is needed is asked for before anything is sent', async () => {
  const asked = channel();
  const { form } = await shown(asked, PSIJ);
  await press(form, 'Submit');
  expect(said(form, 'exec')).toBe('✕ This is needed.');
  expect(input(form, 'exec').getAttribute('aria-invalid')).toBe('true');
  expect(posts(asked)).toEqual([]);
  await type(form, 'exec', 'a');
  expect(said(form, 'exec')).toBe('');
});

test('an error of the server stands beside its field, and a limit can be overridden', async () => {
  const asked = channel().on('POST', /submit/, ({ body }) => {
    if ((body as { force?: boolean }).force) {
      return { job_id: 'j1', native_id: '' };
    }
    const message =
      'job_spec.attributes.duration: 2700 s is more than debug allows; force=True submits it all the same';
    const data = { field: 'job_spec.attributes.duration', limit: 1800 };
    throw new OrbitError(message, 'invalid-field', 422, false, data);
  });
  const { form, submitted } = await shown(asked, PSIJ);
  await type(form, 'exec', 'a');
  await press(form, 'Submit');
  expect(said(form, 'duration')).toBe('✕ 2700 s is more than debug allows');
  await press(form, 'Submit anyway');
  expect(submitted).toHaveLength(1);
  expect(posts(asked)[0]!.key).not.toBe(posts(asked)[1]!.key);
});

test('an error of no field stands above the button', async () => {
  const asked = channel().on('POST', /submit/, () => {
    throw new OrbitError('slurm is away', 'plugin-error', 503, true);
  });
  const { form } = await shown(asked, PSIJ);
  await type(form, 'exec', 'a');
  await press(form, 'Submit');
  expect(textOf(all(form, '[role="alert"]').at(-1)!)).toContain('slurm is away');
});

test('what may have been done is tried again as the same submit', async () => {
  let tries = 0;
  const asked = channel().on('POST', /submit/, () => {
    if (++tries === 1) {
      throw new OrbitError('it took too long', 'deadline', 504, true);
    }
    return { job_id: 'j1' };
  });
  const { form } = await shown(asked, PSIJ);
  await type(form, 'exec', 'a');
  await press(form, 'Submit');
  await press(form, 'Submit');
  await press(form, 'Submit');
  const keys = posts(asked).map(call => call.key);
  expect(keys[0]).toBe(keys[1]);
  expect(keys[2]).not.toBe(keys[1]);
});

test('Ctrl+Enter submits', async () => {
  const asked = channel().on('POST', /submit/, () => ({}));
  const { form } = await shown(asked, PSIJ);
  await type(form, 'exec', 'a');
  input(form, 'queue').dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', ctrlKey: true, bubbles: true }));
  await settled();
  expect(posts(asked)).toHaveLength(1);
});

test('queues and accounts are offered, and what they allow is said', async () => {
  const { form } = await shown(channel(), PSIJ);
  expect(textOf(all(form, '[id="list-queue"]')[0]!)).toContain('debug · 30 min · 12 nodes');
  expect(textOf(all(form, '[id="list-account"]')[0]!)).toContain('proj_a · 812 h left');
  await type(form, 'duration', '45 min');
  await type(form, 'node_count', '2');
  expect(said(form, 'duration')).toBe('debug allows 30 min at most');
  expect(said(form, 'account')).toBe('1.5 node hours of 812 left');
  await type(form, 'executor', 'local');
  expect(said(form, 'duration')).toBe('');
});

test('the code is offered', async () => {
  const { form, codes } = await shown(channel(), PSIJ);
  await type(form, 'exec', 'it"s');
  await press(form, 'Copy as code');
  expect(codes[0]).toContain('hpc.psij.submit_job({"executable": "it\\"s"}, "slurm")');
});

test('columns are as the description places them; what has none is in the first', async () => {
  const { form } = await shown(channel(), PSIJ);
  const names = all(form, '.column').map(column => all(column, 'label').map(label => label.getAttribute('for')));
  expect(names[0]).toEqual(['f-exec', 'f-args', 'f-executor']);
  expect(names[1]).toEqual(['f-queue', 'f-account', 'f-duration', 'f-node_count']); // attributes are several inputs
});

const KINDS: UIField[] = [
  { name: 'text', default: 'a', css_class: 'my-text' },
  { name: 'area', type: 'textarea', required: false },
  { name: 'number', type: 'number', default: 3 },
  { name: 'empty', type: 'number', required: false },
  { name: 'pick', type: 'select', options: ['x', { value: 'y', label: 'Why' }], default: 'y' },
  { name: 'none', type: 'select', options: ['x'], required: false },
  { name: 'check', type: 'checkbox', default: true },
  { name: 'secret', type: 'hidden', default: 'kept' },
  { name: 'more', type: 'custom_attributes' },
  { name: 'file', type: 'file' },
];

test('each kind of field sends its value', async () => {
  const asked = new FakeChannel().endpoint('hpc1', { tally: {} }).on('POST', /add/, () => ({}));
  const { form, told } = await shown(
    asked,
    { id: 'f', fields: KINDS, submit: { endpoint: 'add/{sid}' } },
    'tally',
  );
  await press(form, 'Add an attribute');
  const [name, value] = all(form, '.attribute input') as HTMLInputElement[];
  name!.value = 'a.b';
  name!.dispatchEvent(new Event('input'));
  await settled();
  value!.value = 'c';
  value!.dispatchEvent(new Event('input'));
  const files = { 0: new File(['hi'], 'hi.txt'), length: 1 };
  Object.defineProperty(input(form, 'file'), 'files', { value: files });
  input(form, 'file').dispatchEvent(new Event('change'));
  await settled();
  await press(form, 'Submit');
  expect(posts(asked)[0]!.body).toEqual({
    text: 'a',
    area: '',
    number: 3,
    pick: 'y',
    check: true,
    secret: 'kept',
    more: { 'a.b': 'c' },
    file: 'aGk=',
  });
  expect(told.at(-1)).toMatchObject({ file: 'hi.txt', more: { 'a.b': 'c' } });
  expect(all(form, '.my-text')).toHaveLength(1);
  expect(input(form, 'secret')).toBeUndefined();
});

test.each([
  ['a list of texts', ['a', 'b']],
  ['a list of objects', [{ id: 'a', title: 'A' }, { id: 'b' }]],
  ['an object with a list', { more: 3, found: [{ id: 'a' }, { id: 'b' }] }],
])('choices may be %s', async (_, answer) => {
  const asked = new FakeChannel().endpoint('hpc1', { tally: {} }).on('GET', /choices/, () => answer);
  const field: UIField = { name: 'pick', type: 'select', options_endpoint: 'choices/{sid}' };
  const fields = [{ ...field, options_value_field: 'id', options_label_field: 'title' }];
  const { form } = await shown(asked, { id: 'f', fields }, 'tally');
  const options = all(form, 'option') as HTMLOptionElement[];
  expect(options.map(one => one.value)).toEqual(['a', 'b']);
  expect(input(form, 'pick').value).toBe('a');
});

test('where the choices can’t be read the value can be typed', async () => {
  const asked = new FakeChannel().endpoint('hpc1', { tally: {} });
  const fields: UIField[] = [{ name: 'pick', type: 'select', options_endpoint: 'choices' }];
  const { form } = await shown(asked, { id: 'f', fields }, 'tally');
  expect(said(form, 'pick')).toContain('The choices can’t be read: no route GET');
  expect(input(form, 'pick').tagName).toBe('INPUT');
});

test('values that are given fill the fields, and those that come back don’t disturb what is typed', async () => {
  const { form, told } = await shown(channel(), PSIJ);
  form.values = { exec: 'given', custom: { 'slurm.constraint': 'gpu' } };
  await settled();
  expect(input(form, 'exec').value).toBe('given');
  expect((all(form, '.attribute input')[0] as HTMLInputElement).value).toBe('slurm.constraint');
  await press(form, 'Add an attribute');
  form.values = { ...told.at(-1) };
  await settled();
  expect(all(form, '.attribute')).toHaveLength(2);
});

test('news of the endpoint leave what was typed alone', async () => {
  const asked = channel();
  const { form } = await shown(asked, PSIJ);
  await type(form, 'exec', 'typed');
  form.form = structuredClone(PSIJ);
  await settled();
  expect(input(form, 'exec').value).toBe('typed');
  expect(asked.calls.filter(call => call.path === '/psij/executors')).toHaveLength(1);
});

test('markup in a description is text', async () => {
  const bad = '<img src=x onerror=alert(1)>';
  const fields: UIField[] = [
    { name: bad, label: bad, placeholder: bad, css_class: bad, default: bad },
    { name: 's', type: 'select', options: [{ value: bad, label: bad }] },
  ];
  const { form } = await shown(new FakeChannel(), { id: bad, fields, submit: { label: bad } }, 'tally');
  expect(all(form, 'img')).toEqual([]);
  expect(textOf(form)).toContain(bad);
});

const PLAIN: UIForm = { id: 'f', submit: { endpoint: 'go' }, fields: [{ name: 'name', label: 'Name' }] };

function typeInto(form: FormElement, name: string, text: string): void {
  const input = all(form, `#f-${name}`)[0] as HTMLInputElement;
  input.value = text;
  input.dispatchEvent(new Event('input'));
}

test('what was typed for one plugin is not what the next one’s form has', async () => {
  const { form } = await shown(
    channel().on('POST', /\/go$/, () => ({})),
    PLAIN,
    'one',
  );
  typeInto(form, 'name', 'a secret of one');
  await form.submit();
  await settled();
  expect(textOf(form)).toContain('Done.');
  form.plugin = 'two';
  await settled();
  expect((all(form, '#f-name')[0] as HTMLInputElement).value).toBe('');
  expect(textOf(form)).not.toContain('Done.');
});

test('an answer that comes when the form is another endpoint’s is not told there', async () => {
  let answer: (value: unknown) => void = () => undefined;
  const asked = channel().on('POST', /\/go$/, () => new Promise(resolve => (answer = resolve)));
  const { form, submitted } = await shown(asked, PLAIN, 'one');
  typeInto(form, 'name', 'x');
  const sent = form.submit();
  await settled();
  form.endpoint = 'hpc2';
  await settled();
  answer({ job_id: 'of hpc1' });
  await sent;
  await settled();
  expect(submitted).toEqual([]);
  expect(textOf(form)).not.toContain('Done.');
  expect((all(form, 'button[type=submit]')[0] as HTMLButtonElement).disabled).toBe(false);
});

test('choices that come late are not taken for those of another endpoint', async () => {
  const late: ((value: unknown) => void)[] = [];
  const asked = channel().on('GET', /\/choices$/, request =>
    request.endpoint === 'hpc1' ? new Promise(resolve => late.push(resolve)) : ['of hpc2'],
  );
  const fields: UIField[] = [{ name: 'c', type: 'select', label: 'C', options_endpoint: 'choices' }];
  const { form } = await shown(asked, { id: 'f', fields }, 'one');
  form.endpoint = 'hpc2';
  await settled();
  late.forEach(answer => answer(['of hpc1']));
  await settled();
  expect(textOf(all(form, 'select')[0]!)).toContain('of hpc2');
  expect(textOf(all(form, 'select')[0]!)).not.toContain('of hpc1');
});
