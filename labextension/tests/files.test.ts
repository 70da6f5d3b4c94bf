import { html } from 'lit';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { OrbitError } from '../src/ui/channel/errors.js';
import { droppedFiles } from '../src/ui/parts/files/dragged.js';
import { crumbsOf, inRoute, joined, parentOf, shortened } from '../src/ui/text/paths.js';
import { transfersOf } from '../src/ui/state/transfers.js';
import { RESUMABLE } from '../src/ui/state/upload.js';
import type { FilesView } from '../src/ui/views/files.js';
import '../src/ui/views/files.js';
import type { StagingEntry } from '../src/ui/wire/types.js';
import { FakeChannel } from './fake-channel.js';
import { all, mount, settled, textOf } from './mount.js';

const HOME: StagingEntry[] = [
  { name: 'zeta', type: 'dir', size: null },
  { name: 'run10.log', type: 'file', size: 2048 },
  { name: 'run9.log', type: 'file', size: 5, link: true },
  { name: '.secret', type: 'file', size: 1 },
  { name: 'alpha', type: 'dir', size: null },
];

class FakeXhr {
  static made: FakeXhr[] = [];
  headers: Record<string, string> = {};
  url = '';
  body: Blob | null = null;
  status = 0;
  responseText = '';
  upload: { onprogress: ((event: { loaded: number }) => void) | null } = { onprogress: null };
  onload: (() => void) | null = null;
  onerror: (() => void) | null = null;
  onabort: (() => void) | null = null;
  open(_method: string, url: string): void {
    this.url = url;
    FakeXhr.made.push(this);
  }
  setRequestHeader(name: string, value: string): void {
    this.headers[name] = value;
  }
  send(body: Blob): void {
    this.body = body;
  }
  abort(): void {
    this.onabort?.();
  }
  answer(status: number, body: object): void {
    this.status = status;
    this.responseText = JSON.stringify(body);
    this.onload?.();
  }
}

// jsdom's blobs don't have it.
Blob.prototype.arrayBuffer ??= function (this: Blob): Promise<ArrayBuffer> {
  return new Promise(resolve => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as ArrayBuffer);
    reader.readAsArrayBuffer(this);
  });
};

let channel: FakeChannel;
let entries: StagingEntry[];

beforeEach(() => {
  FakeXhr.made = [];
  vi.stubGlobal('XMLHttpRequest', FakeXhr);
  entries = HOME;
  channel = new FakeChannel().endpoint('hpc1', { staging: {} });
  channel.bridge.set({ id: crypto.randomUUID(), url: '', user: 'ann' }); // nobody has been anywhere yet
  channel.http = { base: '/orbit/', headers: () => ({ 'X-XSRFToken': 'x' }) };
  channel
    .on('POST', /list\/s1$/, ({ body }) => {
      const { path } = body as { path: string };
      return { path: path.replace(/^~/, '/home/ann'), entries };
    })
    .on('GET', /transfers\/s1$/, () => ({ transfers: [] }));
});
afterEach(() => {
  vi.unstubAllGlobals();
});

async function filesView(): Promise<FilesView> {
  return mount<FilesView>(html`<orbit-files .channel=${channel} endpoint="hpc1" plugin="staging"></orbit-files>`);
}

function names(view: HTMLElement): string[] {
  return all(view, '[role=row] [title]')
    .filter(node => node.hasAttribute('draggable'))
    .map(node => node.title);
}

function press(view: HTMLElement, label: string): void {
  all(view, 'button')
    .find(button => button.textContent.trim().startsWith(label))!
    .click();
}

function listed(): string[] {
  return channel.calls
    .filter(call => call.path.includes('/list/'))
    .map(call => (call.body as { path: string }).path);
}

const file = (name: string, size = 5) => new File([new Uint8Array(size)], name);

test('it begins at home: folders first, numbers in their order, hidden ones only when wanted', async () => {
  const view = await filesView();
  expect(names(view)).toEqual(['alpha', 'zeta', 'run9.log', 'run10.log']);
  expect(textOf(view)).toContain('2.0 KiB');
  expect(textOf(view)).toContain('↪ link');
  all(view, 'footer input[type=checkbox]')[0]!.click();
  await settled();
  expect(names(view)).toContain('.secret');
});

test('folders stay first also when the table is sorted downwards', async () => {
  const view = await filesView();
  press(view, 'Name');
  await settled();
  press(view, 'Name');
  await settled();
  expect(names(view)).toEqual(['zeta', 'alpha', 'run10.log', 'run9.log']);
});

test('a click enters a folder, Backspace and the path lead back', async () => {
  const view = await filesView();
  all(view, '[title=zeta]')[0]!.click();
  await settled();
  expect(view.folder).toBe('/home/ann/zeta');
  view.shadowRoot!.querySelector('section')!.dispatchEvent(new KeyboardEvent('keydown', { key: 'Backspace' }));
  await settled();
  expect(view.folder).toBe('/home/ann');
  all(view, '[title=zeta]')[0]!.click();
  await settled();
  press(view, '~');
  await settled();
  expect(listed()).toEqual(['~', '/home/ann/zeta', '/home/ann', '/home/ann/zeta', '/home/ann']);
});

test('a folder that may not be read says so and how to go on', async () => {
  channel.on('POST', /list\/s1$/, () => {
    throw new OrbitError('/root: Permission denied for the user of this endpoint', 'forbidden', 403);
  });
  const view = await filesView();
  expect(textOf(view)).toContain('Permission denied');
  expect(textOf(view)).toContain('take another folder');
  press(view, 'Go home');
});

test('names that are markup are text', async () => {
  entries = [{ name: '<img src=x onerror=alert(1)>', type: 'file', size: 1 }];
  const view = await filesView();
  expect(textOf(view)).toContain('<img src=x onerror=alert(1)>');
  expect(all(view, 'img')).toEqual([]);
});

test('a new folder is made, and one that is there isn’t', async () => {
  channel.on('PUT', /folders/, () => ({ path: '' }));
  const view = await filesView();
  press(view, 'New folder');
  await settled();
  const field = all(view, 'input[name=name]')[0] as HTMLInputElement;
  field.value = 'zeta';
  press(view, 'Create');
  await settled();
  expect(textOf(view)).toContain('zeta is there already');
  field.value = 'run 1';
  press(view, 'Create');
  await settled();
  expect(channel.calls.find(call => call.method === 'PUT')!.path).toBe('/staging/folders/home/ann/run%201');
});

test('files go over HTTP with their size and the page’s token, and progress is shown', async () => {
  const view = await filesView();
  view.upload([file('input #1.csv', 1000)]);
  await settled();
  const [request] = FakeXhr.made;
  expect(request!.url).toBe('/orbit/hpc1/staging/files/home/ann/input%20%231.csv');
  expect(request!.headers).toMatchObject({ 'X-XSRFToken': 'x', 'x-orbit-size': '1000' });
  request!.upload.onprogress!({ loaded: 400 });
  await settled();
  expect(textOf(view)).toContain('400 B of 1000 B');
  expect((all(view, 'progress')[0] as HTMLProgressElement).value).toBe(400);
  request!.answer(200, { path: '/home/ann/input #1.csv', size: 1000, digest: '' });
  await settled();
  expect(textOf(view)).toContain('DONE');
});

test('what is there is overwritten only when that is wanted', async () => {
  const view = await filesView();
  view.upload([file('run9.log')]);
  await settled();
  expect(FakeXhr.made).toEqual([]);
  expect(textOf(view)).toContain('exists already');
  press(view, 'Overwrite');
  await settled();
  expect(FakeXhr.made[0]!.url).toBe('/orbit/hpc1/staging/files/home/ann/run9.log?overwrite=true');
});

test('a conflict that only the endpoint sees is asked about as well', async () => {
  const view = await filesView();
  view.upload([file('new.log')]);
  await settled();
  FakeXhr.made[0]!.answer(409, { detail: 'it exists', code: 'conflict' });
  await settled();
  expect(textOf(view)).toContain('exists already');
});

test('a large upload whose connection is lost goes on behind what is there', async () => {
  let there = 0;
  channel.on('GET', /part\/home\/ann\/big$/, () => ({ path: '/home/ann/big', offset: there }));
  const view = await filesView();
  view.upload([file('big', RESUMABLE)]);
  await vi.waitFor(() => expect(FakeXhr.made).toHaveLength(1), { timeout: 10_000 });
  expect(FakeXhr.made[0]!.headers['x-orbit-digest']).toMatch(/^blake2b=[0-9a-f]{128}$/);
  expect(FakeXhr.made[0]!.headers['x-orbit-offset']).toBeUndefined();
  there = 5_000_000;
  FakeXhr.made[0]!.onerror!();
  await settled();
  expect(textOf(view)).toContain('goes on by itself');
  await vi.waitFor(() => expect(FakeXhr.made).toHaveLength(2), { timeout: 10_000 });
  expect(FakeXhr.made[1]!.headers['x-orbit-offset']).toBe('5000000');
  expect(FakeXhr.made[1]!.body!.size).toBe(RESUMABLE - 5_000_000);
  FakeXhr.made[1]!.answer(200, {});
}, 30_000);

test('two go at once, one that is cancelled makes way, and one that fails says why', async () => {
  const view = await filesView();
  view.upload([file('a'), file('b'), file('c')]);
  await settled();
  expect(FakeXhr.made).toHaveLength(2);
  all(view, '[aria-label="Cancel the upload of a"]')[0]!.click();
  await settled();
  expect(FakeXhr.made).toHaveLength(3);
  FakeXhr.made[2]!.answer(507, { detail: '/home/ann/c: your quota is used up' });
  await settled();
  expect(textOf(view)).toContain('your quota is used up. Make room there');
  expect(textOf(view)).toContain('CANCELED');
});

test('without HTTP small files go in a call, and larger ones say what to do', async () => {
  channel.http = null;
  channel.on('POST', /put\/s1$/, () => ({ path: '', size: 2 }));
  const view = await filesView();
  view.upload([new File(['hi'], 'small'), file('large', 300_000)]);
  await settled();
  const sent = channel.calls.find(call => call.path.includes('/put/'))!;
  expect(sent.body).toEqual({ filename: '/home/ann/small', content: btoa('hi'), overwrite: false });
  expect(textOf(view)).toContain('at most 180 KiB can be sent');
});

test('what others send and fetch is listed as it goes', async () => {
  const view = await filesView();
  const transfer = { id: 't1', direction: 'get', path: '/scratch/x', size: 2048, message: null, time: 1 };
  channel.event('hpc1', 'staging', 'transfer', { ...transfer, bytes: 1024, state: 'ACTIVE' });
  await settled();
  expect(textOf(view)).toContain('1.0 KiB of 2.0 KiB');
  channel.event('hpc1', 'staging', 'transfer', { ...transfer, bytes: 2048, state: 'DONE' });
  await settled();
  expect(all(view, 'li')).toHaveLength(1);
  expect(textOf(view)).toContain('DONE');
});

test('a file that others have put here appears', async () => {
  await filesView();
  channel.event('hpc1', 'staging', 'transfer', { id: 't', direction: 'put', path: '/home/ann/x', state: 'DONE' });
  await vi.waitFor(() => expect(listed()).toHaveLength(2));
});

test('code for what is chosen, and for an upload into the folder', async () => {
  const view = await filesView();
  const offered: string[] = [];
  view.addEventListener('orbit-code', event => offered.push(event.detail));
  press(view, 'Copy as code');
  all(view, '[aria-label="Select run9.log"]')[0]!.click();
  await settled();
  press(view, 'Copy as code');
  expect(offered[0]).toContain('hpc.staging.upload("input.csv", "~/")');
  expect(offered[1]).toContain('hpc.staging.download("~/run9.log", "run9.log")');
});

test('text is previewed, what is none isn’t', async () => {
  const fetched = vi.fn((_url: string) => Promise.resolve(new Response('step 1\n<b>', { status: 206 })));
  vi.stubGlobal('fetch', fetched);
  const view = await filesView();
  all(view, '[title="run10.log"]')[0]!.click();
  await settled();
  expect(all(view, 'pre')[0]!.textContent).toBe('step 1\n<b>');
  fetched.mockImplementation(() => Promise.resolve(new Response(new Uint8Array([1, 0, 2]), { status: 206 })));
  all(view, '[title="run9.log"]')[0]!.click();
  await settled();
  expect(textOf(view)).toContain('It isn’t text');
});

test('a view that is taken away leaves no listener', async () => {
  const before = channel.listeners.count;
  for (let time = 0; time < 5; time += 1) {
    (await filesView()).remove();
  }
  expect(channel.listeners.count).toBe(before);
  expect(transfersOf(channel, 'hpc1', 'staging').changed.watched).toBe(0);
});

test('paths are taken apart and put together', () => {
  expect(joined('/', 'a')).toBe('/a');
  expect(parentOf('/a')).toBe('/');
  expect(parentOf('/')).toBeNull();
  expect(parentOf('~')).toBeNull();
  expect(shortened('/home/ann/x', '/home/ann')).toBe('~/x');
  expect(shortened('/home/anna', '/home/ann')).toBe('/home/anna');
  expect(inRoute('/a b/ü#?')).toBe('a%20b/%C3%BC%23%3F');
  expect(crumbsOf('/home/ann/x', '/home/ann').map(crumb => crumb.name)).toEqual(['~', 'x']);
  expect(crumbsOf('/scratch/x', '/home/ann').map(crumb => crumb.path)).toEqual(['/', '/scratch', '/scratch/x']);
});

test('a folder that is read again by itself leaves what is being typed', async () => {
  const view = await filesView();
  press(view, 'New folder');
  await settled();
  const input = all(view, 'input[name=name]')[0] as HTMLInputElement;
  input.value = 'result';
  channel.listeners.tellGap({ endpoint: 'hpc1', missed: 1, time: 5 });
  await settled();
  expect(all(view, 'input[name=name]')[0]).toBe(input);
  expect(input.value).toBe('result');
});

test('what another site has dragged here is fetched only where it is a file of an endpoint', async () => {
  const asked = vi.fn(() => Promise.resolve(new Response('content')));
  vi.stubGlobal('fetch', asked);
  const drop = (url: string) => {
    const files = [{ path: '/a b/c', name: 'c', size: 1, url: new URL(url, location.href).href }];
    const dragged = JSON.stringify({ endpoint: 'hpc1', plugin: 'staging', files });
    return droppedFiles({ getData: () => dragged } as unknown as DataTransfer);
  };
  await expect(drop('/api/contents/secret')).rejects.toThrow('can’t be had');
  await expect(drop('/hpc1/staging/files/a%20b/c')).rejects.toThrow('can’t be had');
  expect(asked).not.toHaveBeenCalled();
  expect((await drop('/user/ann/orbit/hpc1/staging/files/a%20b/c')).map(file => file.name)).toEqual(['c']);
});
