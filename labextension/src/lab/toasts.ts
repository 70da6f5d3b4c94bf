/** What views and events have to tell, as JupyterLab's own notifications. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { ISettingRegistry } from '@jupyterlab/settingregistry';

import type { Toast } from '../ui/element.js';
import { announceJobs } from '../ui/state/toasts.js';
import type { Unwatch } from '../ui/value.js';
import { settingsOf } from './settings.js';
import { IOrbit } from './tokens.js';

/** Milliseconds that one stays in sight; an error until somebody has seen it. */
const STAY = 7000;

export const toasts: JupyterFrontEndPlugin<void> = {
  id: 'orbit-jupyter-lab:toasts',
  description: 'Notifications of jobs that end and endpoints that are lost.',
  autoStart: true,
  requires: [IOrbit],
  optional: [ISettingRegistry],
  activate: (app: JupyterFrontEnd, orbit: IOrbit, settings: ISettingRegistry | null) => {
    const tell = ({ text, level, view }: Toast) => {
      const actions = view ? [{ label: 'Open', callback: () => orbit.open(view) }] : [];
      Notification.emit(text, level, { autoClose: level === 'error' ? false : STAY, actions });
    };
    document.addEventListener('orbit-toast', event => {
      event.preventDefault(); // a cell need not show it as well
      tell(event.detail);
    });
    let silence: Unwatch | null = null;
    let wanted = settings === null;
    const listen = () => {
      const reached = orbit.reached.value;
      if (wanted && reached.kind === 'there') {
        silence ??= announceJobs(reached.channel, tell);
      } else {
        silence?.();
        silence = null;
      }
    };
    orbit.reached.watch(listen);
    listen();
    void settingsOf(app, settings).then(mine => {
      const read = () => {
        wanted = mine?.get('notifications').composite !== false;
        listen();
      };
      mine?.changed.connect(read);
      read();
    });
  },
};
