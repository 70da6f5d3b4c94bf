/** The command palette, a menu of our own, and a card in the launcher. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, InputDialog } from '@jupyterlab/apputils';
import { URLExt } from '@jupyterlab/coreutils';
import { ILauncher } from '@jupyterlab/launcher';
import { IMainMenu } from '@jupyterlab/mainmenu';
import { MenuSvg } from '@jupyterlab/ui-components';

import { endpointsOf } from '../ui/state/endpoints.js';
import type { View } from '../ui/wire/types.js';
import { orbitIcon } from './icon.js';
import { Commands, IOrbit, PANEL } from './tokens.js';

const CATEGORY = 'Orbit';
const OFFERED = [Commands.panel, Commands.explorer, Commands.jobs, Commands.map, Commands.log, Commands.page];

export const commands: JupyterFrontEndPlugin<void> = {
  id: 'orbit-jupyter-lab:commands',
  description: 'Orbit in the command palette, in the menu and in the launcher.',
  autoStart: true,
  requires: [IOrbit],
  optional: [ICommandPalette, IMainMenu, ILauncher],
  activate: (
    app: JupyterFrontEnd,
    orbit: IOrbit,
    palette: ICommandPalette | null,
    menus: IMainMenu | null,
    launcher: ILauncher | null,
  ) => {
    const opens = (id: string, label: string, caption: string, view: View) =>
      app.commands.addCommand(id, { label, caption, icon: orbitIcon, execute: () => orbit.open(view) });
    opens(Commands.explorer, 'Orbit Explorer', 'All endpoints, and what runs on them', { view: 'explorer' });
    opens(Commands.map, 'Map of Endpoints', 'Endpoints and their links', { view: 'map' });
    opens(Commands.log, 'Orbit Log', 'What the endpoints have told', { view: 'log' });
    app.commands.addCommand(Commands.panel, {
      label: 'Show the Endpoints',
      caption: 'Show the panel with all endpoints',
      icon: orbitIcon,
      execute: () => app.shell.activateById(PANEL),
    });
    app.commands.addCommand(Commands.jobs, {
      label: args =>
        typeof args['endpoint'] === 'string' ? `Jobs of ${args['endpoint']}` : 'Jobs of an Endpoint…',
      caption: 'Submit, watch and cancel jobs',
      icon: orbitIcon,
      execute: async args => {
        const view = await jobs(orbit, args['endpoint']);
        if (view) {
          orbit.open(view);
        }
      },
    });
    app.commands.addCommand(Commands.page, {
      label: 'Orbit Explorer in a New Browser Tab',
      execute: () => {
        window.open(URLExt.join(app.serviceManager.serverSettings.baseUrl, 'orbit/'), '_blank', 'noopener');
      },
    });

    OFFERED.forEach(command => palette?.addItem({ command, category: CATEGORY }));
    if (menus) {
      const menu = new MenuSvg({ commands: app.commands });
      menu.id = 'jp-mainmenu-orbit';
      menu.title.label = 'Orbit';
      OFFERED.forEach(command => menu.addItem({ command }));
      menus.addMenu(menu, true, { rank: 450 });
    }
    launcher?.add({ command: Commands.explorer, category: CATEGORY, rank: 1 });
    launcher?.add({ command: Commands.jobs, category: CATEGORY, rank: 2 });
  },
};

/** Return the view of an endpoint's jobs; where there is a choice, ask. */
async function jobs(orbit: IOrbit, named: unknown): Promise<View | null> {
  const reached = orbit.reached.value;
  const all = reached.kind === 'there' ? endpointsOf(reached.channel).withPlugin('psij') : [];
  const names = all.map(({ endpoint, plugin }) => (plugin === 'psij' ? endpoint : `${endpoint} (${plugin})`));
  let chosen = all.findIndex(one => one.endpoint === named);
  if (chosen < 0 && all.length > 1) {
    const asked = await InputDialog.getItem({ title: 'Jobs of which endpoint?', items: names, okLabel: 'Open' });
    chosen = asked.value === null ? -1 : names.indexOf(asked.value);
    if (chosen < 0) {
      return null;
    }
  }
  // None has that plugin yet: the view says so, and goes on by itself when one has.
  return { view: 'jobs', ...all[Math.max(chosen, 0)] };
}
