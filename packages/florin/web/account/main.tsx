import '../style/account.css';
import '../style/chart.css';
import '../style/members.css';
import '../style/plan.css';
import { start } from '../frame/start.tsx';
import { AccountPage } from './account-page.tsx';

start('account', <AccountPage />);
