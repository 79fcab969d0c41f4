// An OpenID provider on loopback for the test suite: `node provider.mjs PORT`. It prints "ready" once it listens.
// Tokens come from the token endpoint by name alone (grant type "test"): with `resource` a JWT for that audience,
// otherwise an opaque token. All secrets are made up.
import Provider from 'oidc-provider';
import { exportJWK, generateKeyPair } from 'jose';

const port = Number(process.argv[2]);
const lifetime = 3600;
const { privateKey } = await generateKeyPair('RS256', { extractable: true });
const key = { ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig', kid: 'first' };
const emailOf = (id) => (id.includes('@') ? id : `${id}@example.org`);
const resourceServerOf = (resource) => ({
  scope: 'openid email profile', audience: resource, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } },
});
const claimsOf = (id) => ({ sub: id, email: emailOf(id), preferred_username: id });

const provider = new Provider(`http://127.0.0.1:${port}`, {
  jwks: { keys: [key] },
  clients: [
    { client_id: 'mail-client', client_secret: 'mail-client-secret', grant_types: ['test'], redirect_uris: [], response_types: [] },
    { client_id: 'mail-server', client_secret: 'mail-server-secret', grant_types: [], redirect_uris: [], response_types: [] },
  ],
  claims: { openid: ['sub'], email: ['email'], profile: ['preferred_username'] },
  findAccount: (_, id) => ({ accountId: id, claims: () => claimsOf(id) }),
  extraTokenClaims: (_, token) => (token.accountId ? claimsOf(token.accountId) : undefined),
  scopes: ['openid', 'email', 'profile'],
  ttl: { AccessToken: lifetime, Grant: lifetime },
  features: {
    devInteractions: { enabled: false },
    introspection: { enabled: true, allowedPolicy: () => true },
    revocation: { enabled: true, allowedPolicy: () => true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, resource) => resourceServerOf(resource),
    },
  },
});

provider.registerGrantType('test', async (ctx) => {
  const { client, params } = ctx.oidc;
  const scope = 'openid email profile';
  const grant = new provider.Grant({ accountId: params.username, clientId: client.clientId });
  grant.addOIDCScope(scope);
  if (params.resource) grant.addResourceScope(params.resource, scope);
  const token = new provider.AccessToken({
    accountId: params.username, client, grantId: await grant.save(), gty: 'test', scope, expiresWithSession: false,
  });
  if (params.lifetime) token.expiresIn = Number(params.lifetime);
  if (params.resource) token.resourceServer = new provider.ResourceServer(params.resource, resourceServerOf(params.resource));
  ctx.body = { access_token: await token.save(), token_type: 'Bearer', expires_in: token.expiration };
}, ['username', 'resource', 'lifetime'], []);

provider.on('server_error', (_, error) => console.error(error));
provider.listen(port, '127.0.0.1', () => console.log('ready'));
