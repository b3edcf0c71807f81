// A certified OpenID provider over TLS. Arguments: certificate, key, issuer. Prints its port.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import Provider from 'oidc-provider';

const [certificate, key, issuer] = process.argv.slice(2);
const device = 'urn:ietf:params:oauth:grant-type:device_code';
const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'native-app',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token', device],
      response_types: ['code'],
      redirect_uris: ['http://127.0.0.1/callback'],
    },
    {
      client_id: 'machine',
      client_secret: 'machine-secret-of-32-characters!',
      token_endpoint_auth_method: 'client_secret_basic',
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
    },
    {
      client_id: 'brief-machine',
      client_secret: 'brief-secret-of-32-characters!!!',
      token_endpoint_auth_method: 'client_secret_basic',
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
    },
  ],
  features: {
    devInteractions: { enabled: true },
    deviceFlow: { enabled: true },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
  },
  scopes: ['openid', 'offline_access', 'things'],
  pkce: { methods: ['S256'], required: () => true },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  issueRefreshToken: (_, client) => client.grantTypeAllowed('refresh_token'),
  // Every use of a refresh token gives a new one and ends the old.
  rotateRefreshToken: () => true,
  ttl: {
    AccessToken: 2,
    ClientCredentials: (_, token, client) => (client.clientId === 'brief-machine' ? 2 : 600),
    RefreshToken: 600,
    Grant: 600,
    Session: 600,
    Interaction: 600,
  },
});
// An API for machines: GET says whose the token is, DELETE ends the token before its time.
provider.use(async (context, next) => {
  if (context.path !== '/machine') return next();
  const [, presented] = /^Bearer (.+)$/.exec(context.get('authorization')) ?? [];
  const token = await provider.ClientCredentials.find(presented);
  if (!token) {
    context.set('www-authenticate', 'Bearer error="invalid_token"');
    context.status = 401;
    context.body = { error: 'invalid_token' };
    return undefined;
  }
  if (context.method === 'DELETE') await token.destroy();
  context.body = { client_id: token.clientId, scope: token.scope ?? null };
  return undefined;
});
const server = createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, provider.callback());
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
