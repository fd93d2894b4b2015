import '../style/admin.css';
import '../style/chart.css';
import '../style/members.css';
import { start } from '../frame/start.tsx';
import { AdminPage } from './admin-page.tsx';

start('admin', <AdminPage />);
