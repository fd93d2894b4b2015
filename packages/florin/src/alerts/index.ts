export { type Alert, forgetAlerts } from './alerts.ts';
export {
  type AlertDeps,
  isAlert,
  postAlerts,
  type TellAlert,
  tellAlerts,
} from './tell.ts';
