// Every schema of the configuration, for the reader and for the reference.
#pragma once

#include "sluice/config/document.hpp"

#include "config/schema.hpp"

namespace sluice::config {

// process.cpp
extern const Schema<Document> kDocumentSchema;
extern const Schema<Document> kAdminSchema;
void read_admin(const Cursor& at, Document& out);  // the value of `admin`
extern const Schema<Log> kLogSchema;
extern const Schema<Log> kLogFormatSchema;
extern const Schema<Max> kMaxSchema;
extern const Schema<Http2> kHttp2Schema;

// resolver.cpp
extern const Schema<Resolver> kResolverSchema;
void read_resolver(const Cursor& at, Document& out);

// timeouts.cpp: one set of keys, of which each level takes its own
extern const Schema<Timeouts> kProcessTimeouts;
extern const Schema<Timeouts> kListenerTimeouts;
extern const Schema<Timeouts> kPoolTimeouts;
extern const Schema<Timeouts> kRouteTimeouts;
extern const Schema<Timeouts> kTenantTimeouts;

// listeners.cpp
extern const Schema<Listener> kListenerSchema;
extern const Schema<ListenerMax> kListenerMaxSchema;
extern const Schema<Tls> kTlsSchema;
extern const Schema<Certificate> kCertificateSchema;
void read_listeners(const Cursor& at, Document& out);
void read_tls(const Cursor& at, Document& out);

// pools.cpp
extern const Schema<Pool> kPoolSchema;
extern const Schema<Server> kServerSchema;
extern const Schema<PoolTls> kPoolTlsSchema;
void read_pools(const Cursor& at, Document& out);

// Reports what of the pools needs a part of the document that is not there.
void require_tenants(const Cursor& top, const Document& out);

// balancing.cpp
extern const Schema<Balance> kBalanceSchema;
extern const Schema<Sticky> kStickySchema;
extern const Schema<Queue> kQueueSchema;
void read_balance(const Cursor& at, Pool& out);
void read_sticky(const Cursor& at, Pool& out);
void read_queue(const Cursor& at, Pool& out);
void check_queue(const Cursor& pool, const Pool& out);  // once the pool is complete

// health.cpp
extern const Schema<Health> kHealthSchema;
void read_health(const Cursor& at, Pool& out);
void settle_health(const Cursor& pool, Pool& out);  // once the pool is complete

// expect.cpp
extern const Schema<Expect> kExpectSchema;

// failing.cpp
extern const Schema<Outlier> kOutlierSchema;
extern const Schema<Panic> kPanicSchema;
extern const Schema<Retry> kRetrySchema;
void read_outlier(const Cursor& at, Pool& out);
void read_retry(const Cursor& at, Pool& out);

// limits.cpp
extern const Schema<Limit> kLimitSchema;
extern const Schema<LimitMatch> kLimitMatchSchema;
extern const Schema<LimitExempt> kLimitExemptSchema;
extern const Schema<LimitBan> kLimitBanSchema;
void read_limit(const Cursor& at, Limit& out);

// limit_store.cpp
extern const Schema<LimitStore> kLimitStoreSchema;
void read_limits(const Cursor& at, Document& out);  // both the store and the limits

// limit_uses.cpp: what routes and tenants ask for
extern const Schema<LimitUse> kLimitUseSchema;
extern const Schema<Route> kRouteMaxSchema;
extern const Schema<Tenant> kTenantMaxSchema;
extern const Schema<TenantDefaults> kDefaultsMaxSchema;
std::vector<LimitUse> read_limit_uses(const Cursor& at);

// routes.cpp
extern const Schema<Route> kRouteSchema;
void read_routes(const Cursor& at, std::vector<Route>& out);

// tenants.cpp
extern const Schema<Tenants> kTenantsSchema;
extern const Schema<TenantDefaults> kTenantDefaultsSchema;
extern const Schema<Tenant> kTenantSchema;
void read_tenants(const Cursor& at, Document& out);

// A named thing's name, from the key it stands under; reports a name that is_name() refuses.
std::string read_name(const Cursor& at, std::string_view noun);

// Among named things, a key of the top of the file that is indented too far: told by `required`, which it
// lacks and the things have. Reports it.
bool refuse_top_key(const Cursor& at, std::string_view required);

}  // namespace sluice::config
