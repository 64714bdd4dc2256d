// A real OpenID provider on loopback for the tests. Its people, clients and keys live as long as the process does.
const [library, port, back] = process.argv.slice(2);
const { default: Provider } = await import(library);
const issuer = `http://127.0.0.1:${port}`;
const clientOf = (client_id, more) => ({
  client_id,
  redirect_uris: [`${back}/login/callback`],
  post_logout_redirect_uris: [`${back}/login`],
  response_types: ['code'],
  grant_types: ['authorization_code'],
  ...more,
});
const people = {
  olga: { email: 'Olga@shop.example', email_verified: true, groups: ['payment-team', 'everyone'] },
  vic: { email: 'vic@shop.example', email_verified: true, groups: [] },
  mallory: { email: 'root@shop.example', email_verified: false, groups: [] },
  nameless: { groups: ['payment-team'] },
  starry: { email: '*', email_verified: true },
};

const provider = new Provider(issuer, {
  clients: [
    clientOf('pilotage', { token_endpoint_auth_method: 'none' }),
    clientOf('pilotage-confidential', { client_secret: process.env.CLIENT_SECRET }),
    clientOf('pilotage-es256', { token_endpoint_auth_method: 'none', id_token_signed_response_alg: 'ES256' }),
  ],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], groups: ['groups'] },
  scopes: ['openid', 'email', 'groups'],
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
  conformIdTokenClaims: process.env.CLAIMS !== 'in the token',
  features: { devInteractions: { enabled: true }, rpInitiatedLogout: { enabled: true } },
  pkce: { required: () => true },
  ttl: { AuthorizationCode: Number(process.env.CODE_S || 60) },
  cookies: { keys: ['only for the tests'] },
  jwks: JSON.parse(process.env.KEYS),
});
provider.listen(Number(port), '127.0.0.1', () => console.log('up'));
