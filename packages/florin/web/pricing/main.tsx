import '../style/pricing.css';
import { start } from '../frame/start.tsx';
import { PricingPage } from './pricing-page.tsx';

start('pricing', <PricingPage />);
