# Each key as the header that carries it, and a helper that takes fields out of the JSON that the API answers.
JSON="Content-Type: application/json"
MARKETING="Authorization: Bearer $MARKETING_KEY" SALES="Authorization: Bearer $SALES_KEY"
ADMINISTRATION="Authorization: Bearer $ORDER_ADMINISTRATION_KEY"
PRODUCTION="Authorization: Bearer $PRODUCTION_KEY" DISPATCH="Authorization: Bearer $DISPATCH_KEY"
take() { python3 -c '
import json, sys
def find(value, path):
    if not path:
        return value
    if path[0] == "*":
        return [find(each, path[1:]) for each in value]
    return find(value[int(path[0]) if path[0].isdigit() else path[0]], path[1:])
answer = json.load(sys.stdin)
try:
    print(*(find(answer, name.split(".")) for name in sys.argv[1:]))
except (KeyError, IndexError, TypeError):
    sys.exit("the API answered: " + json.dumps(answer, indent=2))
' "$@"; }
RUN=$(date +%s); WANTED=$(python3 -c 'import datetime; print(datetime.date.today() + datetime.timedelta(days=21))')

# Marketing pushes a lead in.
LEAD=$(curl -sS "$API/leads" -H "$MARKETING" -H "$JSON" -d '{
  "source": "website", "external_id": "form-'$RUN'", "campaign": "SPRING", "offer": "free samples",
  "person_name": "Mira Lund", "job_title": "Owner", "company": "Lunds Delikatesser",
  "email": "mira.'$RUN'@lunds.example", "telephone": "08-123 456 78", "country": "SE",
  "interest": "syrup and lager for three shops", "product_skus": ["NW-061", "NW-070"],
  "estimated_value": "1200.00", "estimated_currency": "USD"}' | take lead.id)
curl -sS "$API/leads/$LEAD" -H "$MARKETING" | take company status score

# Sales reaches her, qualifies the lead, converts it to an account with a contact, and grants a credit limit.
OWNER=$(curl -sS "$API/staff?role=representative&limit=1" -H "$SALES" | take data.0.id)
curl -sS "$API/leads/$LEAD/activities" -H "$SALES" -H "$JSON" -d '{
  "kind": "call", "direction": "outbound", "subject": "First call", "outcome": "interested"}' | take outcome
VERSION=$(curl -sS "$API/leads/$LEAD" -H "$SALES" | take version)
curl -sS "$API/leads/$LEAD/qualify" -H "$SALES" -H "$JSON" -H "If-Match: \"v$VERSION\"" -d '{
  "interest_level": "strong", "intention": "intends", "horizon_months": 1, "budget": "approved",
  "authority": "decision_maker", "need": "explicit", "qualified_by_id": "'$OWNER'"}' | take status score
VERSION=$(curl -sS "$API/leads/$LEAD" -H "$SALES" | take version)
curl -sS "$API/leads/$LEAD/convert" -H "$SALES" -H "$JSON" -H "If-Match: \"v$VERSION\"" -d '{
  "account": {"type": "reseller", "currency": "USD"}, "owner_id": "'$OWNER'"}' | take status
ACCOUNT=$(curl -sS "$API/leads/$LEAD" -H "$SALES" | take account_id); CONTACT=$(curl -sS "$API/leads/$LEAD" -H "$SALES" | take contact_id)
VERSION=$(curl -sS "$API/accounts/$ACCOUNT" -H "$SALES" | take version)
curl -sS "$API/accounts/$ACCOUNT" -H "$SALES" -H "$JSON" -X PATCH -H "If-Match: \"v$VERSION\"" -d '{
  "credit_limit": "5000.00",
  "delivery_address": {"lines": ["Storgatan 1"], "city": "Stockholm", "postal_code": "111 51", "country": "SE"}}' | take number name credit_limit

# Order administration takes her order by telephone, checks it, asks when it can be had, and confirms.
TAKER=$(curl -sS "$API/staff?role=administrator&limit=1" -H "$ADMINISTRATION" | take data.0.id)
ORDER=$(curl -sS "$API/orders" -H "$ADMINISTRATION" -H "$JSON" -d '{
  "account_id": "'$ACCOUNT'", "contact_id": "'$CONTACT'", "lead_id": "'$LEAD'",
  "channel": "telephone", "taken_by_id": "'$TAKER'", "po_number": "PO-'$RUN'", "freight": "25.00",
  "lines": [{"sku": "NW-061", "quantity": "2", "requested_on": "'$WANTED'"},
            {"sku": "NW-070", "quantity": "40", "requested_on": "'$WANTED'"}]}' | take id)
curl -sS "$API/orders/$ORDER/check" -H "$ADMINISTRATION" -X POST | take number findings
curl -sS "$API/orders/$ORDER/promise" -H "$ADMINISTRATION" -X POST | take on_time lines.*.promised_on lines.*.basis
VERSION=$(curl -sS "$API/orders/$ORDER" -H "$ADMINISTRATION" | take version)
curl -sS "$API/orders/$ORDER/confirm" -H "$ADMINISTRATION" -H "$JSON" -H "If-Match: \"v$VERSION\"" -d '{}' | take number status due_on

# Production reads what it has to deliver, stands by it, delivers it, and tells a stock count.
curl -sS "$API/production/requirements?sku=NW-070&unconfirmed=true" -H "$PRODUCTION" | take data.*.needed_by data.*.unconfirmed
RECEIPT='"source": "mes", "external_id": "WO-'$RUN'", "sku": "NW-070", "quantity": "40", "due_on": "'$WANTED'"'
curl -sS "$API/receipts" -H "$PRODUCTION" -H "$JSON" -d "{$RECEIPT, \"status\": \"confirmed\"}" | take status quantity due_on
curl -sS "$API/receipts" -H "$PRODUCTION" -H "$JSON" -d "{$RECEIPT, \"status\": \"received\"}" | take status received_at
curl -sS "$API/stock-counts" -H "$PRODUCTION" -H "$JSON" -d '{
  "sku": "NW-075", "quantity": "125", "counted_at": "'$(date -u +%Y-%m-%dT%H:%M:%SZ)'"}' | take sku on_hand available

# Dispatch asks what is open to ship, sends the order in two parts, and reports both delivered.
curl -sS "$API/orders?status=confirmed&open_to_ship=true&sort=due_on&limit=5" -H "$DISPATCH" | take data.*.number data.*.due_on
FIRST=$(curl -sS "$API/orders/$ORDER/shipments" -H "$DISPATCH" -H "$JSON" -d '{
  "lines": [{"line_no": 1, "quantity": "2"}], "carrier": "Speedy Express"}' | take id)
curl -sS "$API/orders/$ORDER" -H "$DISPATCH" | take shipment_state open_to_ship
REST=$(curl -sS "$API/orders/$ORDER/shipments" -H "$DISPATCH" -H "$JSON" -d '{
  "carrier": "United Package", "tracking_number": "UP-'$RUN'"}' | take id)
curl -sS "$API/orders/$ORDER/shipments/$FIRST/delivery" -H "$DISPATCH" -H "$JSON" -d '{
  "received_by": "Mira Lund"}' | take number delivered_at
curl -sS "$API/orders/$ORDER/shipments/$REST/delivery" -H "$DISPATCH" -H "$JSON" -d '{
  "received_by": "Mira Lund"}' | take number delivered_at
curl -sS "$API/orders/$ORDER" -H "$DISPATCH" | take number status shipment_state

# The account has it in its purchase record, the order in its history, everybody in the feed.
curl -sS "$API/accounts/$ACCOUNT" -H "$SALES" | take name status purchase_record
curl -sS "$API/orders/$ORDER/history?sort=time" -H "$SALES" | take data.*.type
curl -sS "$API/events?subject=orders/$ORDER&type=order.completed&wait=10" -H "$DISPATCH" | take data.*.type data.*.data.number
