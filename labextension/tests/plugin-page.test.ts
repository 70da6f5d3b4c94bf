import { html } from 'lit';
import { expect, test, vi } from 'vitest';

import { OrbitError } from '../src/ui/channel/errors.js';
import { moduleApi, type ModuleApi } from '../src/ui/parts/module/api.js';
import '../src/ui/parts/module/own-page.js';
import { addressOf, moduleOf, type PluginModule } from '../src/ui/parts/module/module.js';
import '../src/ui/views/endpoints.js';
import '../src/ui/views/plugin-page.js';
import type { PluginInfo } from '../src/ui/wire/types.js';
import { FakeChannel } from './fake-channel.js';
import { all, mount, settled, textOf } from './mount.js';

const BAD = '<img src=x onerror=alert(1)>';

function shown(channel: FakeChannel, plugin = 'sample'): Promise<HTMLElement> {
  return mount<HTMLElement>(
    html`<orbit-plugin-page .channel=${channel} .endpoint=${'hpc1'} .plugin=${plugin}></orbit-plugin-page>`,
  );
}

function channel(ui: Record<string, unknown>, more: Partial<PluginInfo> = {}): FakeChannel {
  return new FakeChannel()
    .endpoint('hpc1', { sample: { ui_config: ui, ...more } })
    .on('GET', /sample\/facts/, () => ({ weather: 'calm' }))
    .on('POST', /sample\/do/, () => ({ answer: 42 }));
}

test('the page is drawn from its description, and what it loads is there when it opens', async () => {
  const page = await shown(
    channel({
      title: 'Sample',
      description: 'Does things.',
      auto_load: 'facts',
      refresh_button: true,
      forms: [{ id: 'f', title: 'Do it', fields: [{ name: 'x', label: 'An x' }] }],
      monitors: [{ id: 'm', title: 'Facts', type: 'metrics' }],
    }),
  );
  expect(textOf(page)).toMatch(/Sample .*Refresh .*hpc1 .*Does things\. .*Do it .*An x .*Facts .*Weather calm/);
});

test('a page that only loads something shows it', async () => {
  expect(textOf(await shown(channel({ title: 'Sample', auto_load: 'facts' })))).toContain('"weather": "calm"');
});

test('an answer is shown, and the monitors are read anew', async () => {
  const asked = channel({
    title: 'S',
    forms: [{ id: 'f', submit: { endpoint: 'do' } }],
    monitors: [{ id: 'm', type: 'raw', auto_load: 'facts' }],
  });
  const page = await shown(asked);
  all(page, 'button[type="submit"]')[0]!.click();
  await settled();
  expect(textOf(page)).toContain('"answer": 42');
  expect(asked.calls.filter(call => call.path === '/sample/facts')).toHaveLength(2);
});

test('refresh reads all monitors anew', async () => {
  const asked = channel({ title: 'S', auto_load: 'facts', refresh_button: true });
  const page = await shown(asked);
  all(page, 'button')
    .find(button => button.textContent === 'Refresh')!
    .click();
  await settled();
  expect(asked.calls.filter(call => call.path === '/sample/facts')).toHaveLength(2);
});

test('a stub says only its message', async () => {
  const page = await shown(channel({ title: 'Sample', stub_message: 'Coming soon.', forms: [{ id: 'f' }] }));
  expect(textOf(page).trim()).toBe('Coming soon.');
});

test('a plugin that isn’t loaded says why and what to install', async () => {
  const error = 'needs the Python module radical.pilot, which isn’t installed there';
  const page = await shown(channel({}, { enabled: false, error }));
  expect(textOf(page)).toMatch(/Not loaded\. .*radical\.pilot.* pip install radical/);
});

test('an endpoint and a plugin that aren’t there are said to be missing', async () => {
  expect(textOf(await shown(new FakeChannel()))).toContain('No endpoint called hpc1 is connected.');
  const page = await shown(channel({ title: 'S' }), 'other');
  expect(textOf(page)).toMatch(/hpc1 doesn’t have a plugin called other\s*\..*It has sample\./);
});

test('an endpoint that goes is said to be away, and is read anew when it is back', async () => {
  const asked = channel({ title: 'S', auto_load: 'facts' });
  const page = await shown(asked);
  const there = asked.topology.value;
  asked.topology.set(new Map());
  await settled();
  expect(textOf(page)).toMatch(/hpc1 is no longer connected/);
  asked.topology.set(there);
  await settled();
  expect(textOf(page)).not.toContain('no longer connected');
  expect(asked.calls.filter(call => call.path === '/sample/facts')).toHaveLength(2);
});

test('a page that is JavaScript is noted where there is none; its forms are shown where it has some', async () => {
  const asked = channel({ custom_template: true });
  asked.http = { base: '/orbit/', headers: () => ({}) };
  expect(textOf(await shown(asked))).toContain('isn’t installed beside the bridge');
  const forms = channel({ custom_template: true, forms: [{ id: 'f', title: 'A form' }] });
  forms.http = asked.http;
  expect(textOf(await shown(forms))).toContain('A form');
  expect(textOf(await shown(channel({ custom_template: true })))).toContain('can’t be loaded through a kernel');
});

test('nobody is asked for a module that isn’t announced, or has no name of one', async () => {
  const asked = channel({ title: 'S' });
  asked.http = { base: '/orbit/', headers: () => ({}) };
  await shown(asked);
  expect(await moduleOf(asked, '../evil')).toBeNull();
  expect(asked.calls.filter(call => call.path.startsWith('/plugins/'))).toEqual([]);
  expect(addressOf(asked.http, 'tally')).toBe('http://localhost:8888/orbit/plugins/tally.js');
});

test('a module gets its page and its api, and events', async () => {
  const asked = channel({ title: 'S' });
  const module: PluginModule = {
    template: () => '<p class="endpoint-label"></p><button id="go">Go</button>',
    css: () => '#go { color: red }',
    init: (page, api) => {
      page.querySelector('#go')!.textContent = `${api.endpointName}/${api.pluginName}`;
    },
    onShow: vi.fn(),
    onNotification: vi.fn(),
  };
  const page = await mount<HTMLElement>(
    html`<orbit-own-page
      .channel=${asked}
      .endpoint=${'hpc1'}
      .plugin=${'sample'}
      .module=${module}
    ></orbit-own-page>`,
  );
  expect(textOf(page)).toMatch(/hpc1 +hpc1\/sample/);
  expect(module.onShow).toHaveBeenCalledOnce();
  asked.event('hpc1', 'sample', 'news', { x: 1 });
  const event = { endpoint: 'hpc1', plugin: 'sample', topic: 'news', data: { x: 1 } };
  expect(module.onNotification).toHaveBeenCalledWith(event, expect.anything(), expect.anything());
});

test('tasks that a module registers stand in the tree, in the state that events tell', async () => {
  const asked = channel({ title: 'S' });
  let api: ModuleApi | undefined;
  const module: PluginModule = {
    notificationConfig: { topic: 'task_status', idField: 'job' },
    init: (_, given) => void (api = given),
  };
  const page = await mount<HTMLElement>(
    html`<orbit-own-page
      .channel=${asked}
      .endpoint=${'hpc1'}
      .plugin=${'sample'}
      .module=${module}
    ></orbit-own-page>`,
  );
  const tree = await mount<HTMLElement>(html`<orbit-endpoints .channel=${asked}></orbit-endpoints>`);
  const tell = async (job: string, state: string) => {
    asked.event('hpc1', 'sample', 'task_status', { job, state });
    await settled();
  };
  await tell('t1', 'RUNNING'); // before the page knows of it
  api!.registerTask('sample', 't1', 'fold a protein');
  api!.registerTask('sample', 't2', '<b>bold</b>');
  await settled();
  expect(textOf(tree)).toMatch(/<b>bold<\/b> PENDING.* fold a protein RUNNING/);
  page.remove(); // it goes on without the page
  await tell('t1', 'DONE');
  await tell('t1', 'RUNNING'); // an end is for good
  await tell('t2', 'FAILED');
  expect(textOf(tree)).toMatch(/<b>bold<\/b> FAILED.* fold a protein DONE/);
  tree.remove();
  expect(asked.listeners.count).toBe(0);
});

test('what fails in a module is shown in its page', async () => {
  const module: PluginModule = {
    init: () => {
      throw new Error('no such element');
    },
  };
  const page = await mount<HTMLElement>(
    html`<orbit-own-page
      .channel=${channel({})}
      .endpoint=${'hpc1'}
      .plugin=${'sample'}
      .module=${module}
    ></orbit-own-page>`,
  );
  expect(textOf(page)).toContain('no such element');
});

test('a module’s api calls routes, renews its session, and says what failed', async () => {
  let sessions = 0;
  const asked = channel({}).on('POST', /register_session/, () => ({ sid: `s${++sessions}` }));
  const flash = vi.fn();
  const api = moduleApi(asked, 'hpc1', 'sample', {
    flash,
    overlay: vi.fn(),
    openEndpoint: vi.fn(),
    track: vi.fn(),
  });
  expect(await Promise.all([api.getSession(), api.getSession()])).toEqual(['s1', 's1']);
  expect(await api.fetch('facts?deep=1')).toEqual({ weather: 'calm' });
  expect(asked.calls.at(-1)!.query).toEqual({ deep: '1' });
  await api.fetch('do', { method: 'post', body: '{"a":1}' });
  expect(asked.calls.at(-1)).toMatchObject({ method: 'POST', path: '/sample/do', body: { a: 1 } });
  asked.on('GET', /gone/, () => {
    throw new OrbitError('expired', 'session-expired', 410);
  });
  await expect(api.fetch('gone', { quiet: true })).rejects.toThrow('expired');
  expect(flash).not.toHaveBeenCalled();
  expect(await api.getSession()).toBe('s2');
  await expect(api.fetch('gone')).rejects.toThrow('expired');
  expect(flash).toHaveBeenCalledWith('expired', false);
  expect(api.escHtml(`<a href="'">`)).toBe('&#60;a href=&#34;&#39;&#34;&#62;');
  expect(api.getPluginNames()).toEqual(['sample']);
});

test('markup in a description is text, wherever it stands', async () => {
  const page = await shown(
    channel({
      title: BAD,
      icon: BAD,
      description: BAD,
      forms: [{ id: BAD, title: BAD }],
      monitors: ['task_list', 'metrics', 'table', 'raw', 'chart', 'log'].map(type => ({
        id: BAD,
        title: BAD,
        type,
        css_class: BAD,
        empty_text: BAD,
      })),
    }),
  );
  expect(textOf(page)).toContain(BAD);
  expect(all(page, 'img')).toEqual([]);
});

test('a page that can’t be drawn says so, and is drawn once the endpoint says something better', async () => {
  const wrong = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  const channel = new FakeChannel().endpoint('hpc1', {
    odd: { ui_config: { forms: { length: 1 }, title: 'Odd' } as never },
  });
  const page = await mount<HTMLElement>(
    html`<orbit-plugin-page .channel=${channel} endpoint="hpc1" plugin="odd"></orbit-plugin-page>`,
  );
  expect(textOf(page)).toContain('can’t be drawn');
  expect(wrong).toHaveBeenCalled();
  channel.endpoint('hpc1', { odd: { ui_config: { forms: [{ id: 'f', fields: [], title: 'A form' }] } } });
  await settled();
  expect(textOf(page)).toContain('A form');
  expect(textOf(page)).not.toContain('can’t be drawn');
});
