field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

# Marketing pushes a lead in.
LEAD=$(curl -s "$API/leads" -H "Authorization: Bearer $MARKETING_KEY" -H "Content-Type: application/json" -d '{
  "source": "website", "external_id": "walk-1", "person_name": "Anna Berg", "company": "Alpine Books",
  "email": "anna@alpine-books.example"
}' | field id); echo "lead $LEAD"
