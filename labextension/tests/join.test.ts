import { html } from 'lit';
import { beforeEach, expect, test } from 'vitest';

import { OrbitError } from '../src/ui/channel/errors.js';
import { pythonFor } from '../src/ui/parts/join/join-form.js';
import { nameFor } from '../src/ui/state/joins.js';
import '../src/ui/views/join.js';
import type { JoinJoining, JoinJoins, View } from '../src/ui/wire/types.js';
import { FakeChannel } from './fake-channel.js';
import { all, mount, settled, textOf } from './mount.js';

let answer: JoinJoins;
let channel: FakeChannel;

beforeEach(() => {
  sessionStorage.clear();
  answer = { joins: [], joined: [] };
  channel = new FakeChannel()
    .endpoint('local', { join: {} })
    .on('GET', /^\/local\/join\/joins\/s1$/, () => answer)
    .on('GET', /^\/local\/join\/hosts\/s1$/, () => ({ hosts: ['hpc'] }))
    .on('POST', /^\/local\/join\/start\/s1$/, () => ({ join_id: 'j1', name: 'hpc1' }))
    .on('GET', /^\/\/tokens$/, () => ({
      tokens: [
        { id: 'old', name: 'hpc1' },
        { id: 'x', name: 'hpc2' },
      ],
    }))
    .on('POST', /^\/\/tokens$/, () => ({ id: 'new', token: 'orbit_new_secret' }))
    .on('DELETE', /^\/\/tokens\//, () => ({ revoked: [] }))
    .on('GET', /^\/\/endpoints$/, () => ({ endpoints: [] }));
});

const show = () => mount<HTMLElement>(html`<orbit-join .channel=${channel}></orbit-join>`);
const made = (method: string, path: RegExp) =>
  channel.calls.filter(call => call.method === method && path.test(`/${call.endpoint}${call.path}`));
const button = (view: HTMLElement, text: string) =>
  all(view, 'button').find(one => one.textContent.trim().startsWith(text))!;

function join(more: Partial<JoinJoining>): JoinJoining {
  return {
    join_id: 'j1',
    what: 'join',
    target: 'me@hpc',
    name: 'hpc1',
    state: 'running',
    message: null,
    steps: [{ step: 'connect', state: 'running', detail: 'Connecting to hpc', lines: [], time: 1 }],
    question: null,
    mine: true,
    spent: [],
    time: 1,
    ...more,
  };
}

const kept = () =>
  Array.from({ length: sessionStorage.length }, (_, at) => sessionStorage.getItem(sessionStorage.key(at)!));

const PASSWORD = { id: 'q1', kind: 'password', prompt: "me@hpc's password:", echo: false } as const;

async function fill(view: HTMLElement, name: string, text: string) {
  const input = all(view, `#f-${name}`)[0] as HTMLInputElement;
  input.value = text;
  input.dispatchEvent(new Event('input'));
  await settled();
}

test('without an endpoint that can join it says where to do it', async () => {
  channel.topology.set(new Map());
  const view = await show();
  await settled();
  expect(textOf(view)).toContain('jupyter orbit join me@login.cluster.org');
  expect(textOf(view)).toContain('%orbit join');
  channel.endpoint('local', { join: {} });
  await settled();
  expect(all(view, 'orbit-join-form')).toHaveLength(1);
});

test('the page makes the token and hands over what the endpoint may not ask', async () => {
  channel.endpoint('hpc1', {}, { hostname: 'login1', pid: 42 });
  const view = await show();
  await fill(view, 'target', 'me@hpc');
  expect((all(view, '#f-name')[0] as HTMLInputElement).value).toBe('hpc');
  await fill(view, 'name', 'hpc1');
  button(view, 'Start').click();
  await settled();
  expect(made('POST', /tokens$/)[0]!.body).toEqual({ name: 'hpc1', parent: 'local', expires: '2h' });
  expect(made('POST', /start/)[0]!.body).toEqual({
    target: 'me@hpc',
    name: 'hpc1',
    bridge: { id: 'b1', token_ids: ['old'], holder: { hostname: 'login1', pid: 42 } },
    token: 'orbit_new_secret',
  });
  expect(made('DELETE', /tokens/)).toEqual([]);
});

test('a refusal stands beside its field, and its token is revoked', async () => {
  channel.on('POST', /\/start\//, () => {
    throw new OrbitError('name: no', 'invalid-field', 422, false, { field: 'name' });
  });
  const view = await show();
  await fill(view, 'target', 'hpc');
  button(view, 'Start').click();
  await settled();
  expect(all(view, '#said-name')[0]!.textContent).toContain('name: no');
  expect(made('DELETE', /tokens\/new$/)).toHaveLength(1);
});

test('a question is asked in a field that shows nothing, answered with salt, and emptied', async () => {
  answer.joins = [join({ state: 'asking', question: PASSWORD })];
  channel.on('POST', /\/answer\/s1\/j1$/, () => ({ question: 'q1' }));
  const view = await show();
  const input = all(view, '#reply')[0] as HTMLInputElement;
  expect([input.type, input.autocomplete]).toEqual(['password', 'off']);
  input.value = 'Geheim';
  input.form!.requestSubmit();
  await settled();
  const { body } = made('POST', /answer/)[0]!;
  expect(body).toMatchObject({ question: 'q1', reply: 'Geheim' });
  expect(String((body as Record<string, unknown>)['salt']).length).toBeGreaterThan(15);
  expect(input.value).toBe('');
});

test('an unknown host key is asked about with its fingerprint', async () => {
  const prompt = 'ED25519 key fingerprint is SHA256:abc.\nAre you sure (yes/no/[fingerprint])?';
  answer.joins = [join({ state: 'asking', question: { id: 'q', kind: 'host key', prompt, echo: true } })];
  channel.on('POST', /\/answer\//, () => ({ question: 'q' }));
  const view = await show();
  expect(all(view, 'code').map(one => one.textContent)).toContain('SHA256:abc');
  button(view, 'No').click();
  await settled();
  expect(made('POST', /answer/)[0]!.body).toMatchObject({ reply: 'no' });
});

test('what another window has begun is seen, not answered', async () => {
  answer.joins = [join({ state: 'asking', question: PASSWORD, mine: false })];
  const view = await show();
  expect(textOf(view)).toContain('Another window has begun this');
  expect(all(view, '#reply')).toEqual([]);
  expect(button(view, 'Cancel')).toBeDefined();
});

test('each event reads the steps anew, and several at once make one question more', async () => {
  const view = await show();
  const before = made('GET', /joins/).length;
  answer.joins = [join({})];
  for (let number = 0; number < 50; number += 1) {
    channel.event('local', 'join', 'join_step', { join_id: 'j1' });
  }
  await settled();
  expect(textOf(view)).toContain('Connecting to hpc');
  expect(made('GET', /joins/).length - before).toBeLessThan(4);
});

test('tokens that nobody needs are revoked, each once', async () => {
  answer.joins = [join({ state: 'failed', message: 'no', spent: ['new'] })];
  await show();
  channel.event('local', 'join', 'join_step', {});
  await settled();
  expect(made('DELETE', /tokens\/new$/)).toHaveLength(1);
});

test('a joined cluster can be opened, and left after a question', async () => {
  answer = { joins: [join({ state: 'done' })], joined: [{ name: 'hpc1', target: 'me@hpc' }] };
  channel.endpoint('hpc1').on('POST', /\/leave\/s1$/, () => ({ join_id: 'j2', name: 'hpc1' }));
  const opened: View[] = [];
  const view = await show();
  view.addEventListener('orbit-open', event => opened.push(event.detail));
  expect(textOf(view)).toContain('hpc1 is connected');
  button(view, 'Open hpc1').click();
  expect(opened).toEqual([{ view: 'endpoint', endpoint: 'hpc1' }]);
  button(view, 'Leave …').click();
  await settled();
  (all(view, '.ask input')[0] as HTMLInputElement).click();
  await settled();
  all(view, '.ask button')[0]!.click();
  await settled();
  expect(made('POST', /leave/)[0]!.body).toMatchObject({ name: 'hpc1', remove: true });
});

test('what a host says is text', async () => {
  const evil = '<img src=x onerror=alert(1)>';
  answer.joins = [
    join({
      target: evil,
      steps: [{ step: 'connect', state: 'done', detail: evil, lines: [evil], time: 1 }],
      question: { ...PASSWORD, prompt: evil },
    }),
  ];
  const view = await show();
  expect(textOf(view)).toContain(evil);
  expect(all(view, 'img')).toEqual([]);
});

test('a session that has expired is made anew, and one that is kept goes on after a reload', async () => {
  let sid = 's1';
  channel.on('GET', /\/joins\/(\w+)$/, (_, match) => {
    if (match[1] !== sid) {
      throw new OrbitError('gone', 'session-expired', 410);
    }
    return answer;
  });
  channel.on('POST', /register_session$/, () => ({ sid }));
  await show();
  expect(kept()).toEqual(['s1']);
  sid = 's2';
  channel.event('local', 'join', 'join_step', {});
  await settled();
  expect(kept()).toEqual(['s2']);
});

test('a view that is taken away leaves no listener behind', async () => {
  const view = await show();
  expect(channel.listeners.count).toBe(1);
  view.remove();
  expect(channel.listeners.count).toBe(0);
});

test('names and code are as Python has them', () => {
  expect([nameFor('me@login.x.org'), nameFor('a b/c'), nameFor('._x')]).toEqual(['login.x.org', 'a-b-c', 'x']);
  const wish = { target: 'me@hpc', name: 'hpc1', ssh: '-J "gate"', packages: ['a'] };
  expect(pythonFor(wish)).toContain('orbit.join("me@hpc", name="hpc1", ssh="-J \\"gate\\"", packages=["a"])');
});

test('where the joins can’t be read nothing is said to be loading', async () => {
  channel.on('GET', /^\/local\/join\/joins\/s1$/, () => {
    throw new OrbitError('it broke', 'internal', 500);
  });
  const view = await show();
  expect(textOf(view)).toContain('it broke');
  expect(textOf(view)).not.toContain('Loading');
});
