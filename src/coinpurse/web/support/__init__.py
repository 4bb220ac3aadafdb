"""The support console at `/support`: server-rendered, for staff alone (U3)."""

from starlette.routing import Route

from coinpurse.web.support import account, acts, company, lists, operator, signing

POST = ["POST"]
ROUTES = [
    Route("/support", lists.find),
    Route("/support/sign-in", signing.show),
    Route("/support/sign-in", signing.sign_in, methods=POST),
    Route("/support/oidc", company.leave),
    Route("/support/oidc/callback", company.come_back),
    Route("/support/sign-out", signing.sign_out, methods=POST),
    Route("/support/renewals", lists.renewals),
    Route("/support/events", lists.billing_events),
    Route("/support/event", lists.event),
    Route("/support/event/retry", acts.retry, methods=POST),
    Route("/support/overview", operator.show),
    Route("/support/low", operator.low),
    Route("/support/shortfalls", operator.short),
    Route("/support/requests", lists.requests),
    Route("/support/requests/{act}", acts.decide, methods=POST),
    Route("/support/requests/{act}/finish", acts.finish, methods=POST),
    Route("/support/trail", lists.audit),
    Route("/support/accounts/{account}", account.show),
    Route("/support/accounts/{account}/timeline", account.timeline),
    Route("/support/accounts/{account}/credits", acts.give, methods=POST),
    Route("/support/grants/{grant}/take-back", acts.take_back, methods=POST),
    Route("/support/subscriptions/{subscription}/end", acts.end_subscription, methods=POST),
    Route("/support/subscriptions/{subscription}/look-up", acts.look_up, methods=POST),
]
