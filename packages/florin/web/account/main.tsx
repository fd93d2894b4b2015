import '../style/account.css';
import { start } from '../frame/start.tsx';
import { AccountPage } from './account-page.tsx';

start('account', <AccountPage />);
