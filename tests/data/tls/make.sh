#!/usr/bin/env bash
# How the key stores of this folder were made: with the JDK's keytool (17) and OpenSSL, into the folder of this script.
# Run it again only to change them all; nothing in here protects anything.
#
#   rsa.jks             RSA, JKS, password "changeit" for store and key, self-signed for mail.example.org
#   two-passwords.jks   RSA, JKS, store "store-secret", key "key-secret"
#   ec.jks              EC, JKS
#   both.jks            an RSA key and an EC key, JKS
#   both.p12            the same as PKCS12
#   chain.jks           RSA, JKS: leaf for mail.example.org, intermediate, root
#   chain.p12           the same as PKCS12 with one key
#   rsa.p12, ec.p12     PKCS12 with one key
#   named-jks.jks       PKCS12 under a name that says JKS
#   rsa.jceks           JCEKS
#   key.pem, certificate.pem, encrypted-key.pem ("changeit"), together.pem (key and certificate): another RSA key
#   sha1.pem            a certificate signed with SHA-1
#   other.pem           key and certificate of mail.example.net
#   root.pem            the root of chain.jks
#   trust.jks, trust.p12, trust.pem, trust.der   the authority of the clients
#   client.pem, revoked.pem, stranger.pem        clients, key and certificate; the stranger's authority is another
#   crl.pem, crl.der    the authority's list, on which the second client stands
set -euo pipefail
cd "$(dirname "$0")"
rm -f ./*.jks ./*.p12 ./*.pem ./*.der ./*.jceks
days=36500
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
name="CN=mail.example.org"
host=(-ext "san=dns:mail.example.org,dns:localhost,ip:127.0.0.1")

pair() { # file, type, algorithm, alias, store password, key password, further arguments
  local file=$1 type=$2 algorithm=$3 alias=$4 store=$5 key=$6
  shift 6
  local size=(-keysize 2048)
  [ "$algorithm" = EC ] && size=(-groupname secp256r1)
  keytool -genkeypair -keystore "$file" -storetype "$type" -keyalg "$algorithm" "${size[@]}" -alias "$alias" -dname "$name" \
    -validity $days -storepass "$store" -keypass "$key" "$@" 2>/dev/null
}

pair rsa.jks JKS RSA james changeit changeit "${host[@]}"
pair two-passwords.jks JKS RSA james store-secret key-secret "${host[@]}"
pair ec.jks JKS EC james changeit changeit "${host[@]}"
pair both.jks JKS RSA rsa changeit changeit "${host[@]}"
pair both.jks JKS EC ec changeit changeit "${host[@]}"
keytool -importkeystore -noprompt -srckeystore both.jks -srcstorepass changeit -destkeystore both.p12 -deststoretype PKCS12 \
    -deststorepass changeit
pair rsa.p12 PKCS12 RSA james changeit changeit "${host[@]}"
pair ec.p12 PKCS12 EC james changeit changeit "${host[@]}"
pair named-jks.jks PKCS12 RSA james changeit changeit "${host[@]}"
pair rsa.jceks JCEKS RSA james changeit changeit "${host[@]}"

# a chain: root, intermediate, leaf
store=(-storepass changeit -keypass changeit -storetype JKS)
keytool -genkeypair -keystore "$work/root.jks" "${store[@]}" -keyalg RSA -keysize 2048 -alias root -dname "CN=Root of tests" \
  -validity $days -ext bc:critical=ca:true -ext ku:critical=keyCertSign,cRLSign 2>/dev/null
keytool -genkeypair -keystore "$work/middle.jks" "${store[@]}" -keyalg RSA -keysize 2048 -alias middle -dname "CN=Intermediate of tests" \
  -validity $days 2>/dev/null
sign() { # store of the request, its alias, signer's store, signer's alias, result, further arguments
  keytool -certreq -keystore "$1" -storepass changeit -alias "$2" 2>/dev/null \
    | keytool -gencert -keystore "$3" -storepass changeit -alias "$4" -validity $days -rfc -outfile "$5" "${@:6}" 2>/dev/null
}
keytool -exportcert -keystore "$work/root.jks" -storepass changeit -alias root -rfc -file "$work/root.crt" 2>/dev/null
sign "$work/middle.jks" middle "$work/root.jks" root "$work/middle.crt" -ext bc:critical=ca:true,pathlen:0 -ext ku:critical=keyCertSign
cat "$work/middle.crt" "$work/root.crt" >"$work/middle-chain.crt"
keytool -importcert -noprompt -keystore "$work/middle.jks" -storepass changeit -alias middle -file "$work/middle-chain.crt" 2>/dev/null
pair chain.jks JKS RSA james changeit changeit
sign chain.jks james "$work/middle.jks" middle "$work/leaf.crt" "${host[@]}"
cat "$work/leaf.crt" "$work/middle.crt" "$work/root.crt" >"$work/leaf-chain.crt"
keytool -importcert -noprompt -keystore chain.jks -storepass changeit -alias james -file "$work/leaf-chain.crt" 2>/dev/null
keytool -importkeystore -noprompt -srckeystore chain.jks -srcstorepass changeit -destkeystore chain.p12 -deststoretype PKCS12 \
  -deststorepass changeit 2>/dev/null
cp "$work/root.crt" root.pem

# PEM
openssl req -x509 -newkey rsa:2048 -nodes -days $days -subj "/CN=mail.example.org" -keyout key.pem -out certificate.pem \
  -addext "subjectAltName=DNS:mail.example.org,DNS:localhost" 2>/dev/null
openssl pkcs8 -topk8 -in key.pem -out encrypted-key.pem -passout pass:changeit
cat key.pem certificate.pem >together.pem
openssl req -x509 -sha1 -newkey rsa:2048 -nodes -days $days -subj "/CN=old" -keyout /dev/null -out sha1.pem 2>/dev/null
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days $days -subj "/CN=mail.example.net" \
  -keyout "$work/other.key" -out "$work/other.crt" -addext "subjectAltName=DNS:mail.example.net" 2>/dev/null
cat "$work/other.key" "$work/other.crt" >other.pem

# clients
mkdir "$work/ca" && touch "$work/ca/index.txt" && echo 01 >"$work/ca/serial" && echo 01 >"$work/ca/crlnumber"
cat >"$work/ca.cnf" <<CNF
[ca]
default_ca = clients
[clients]
database = $work/ca/index.txt
new_certs_dir = $work/ca
serial = $work/ca/serial
crlnumber = $work/ca/crlnumber
certificate = $work/clients.crt
private_key = $work/clients.key
default_md = sha256
default_days = $days
default_crl_days = $days
policy = any
copy_extensions = copy
[any]
commonName = supplied
CNF
openssl req -x509 -newkey rsa:2048 -nodes -days $days -subj "/CN=Clients of tests" -keyout "$work/clients.key" -out "$work/clients.crt" \
  -addext "keyUsage=critical,keyCertSign,cRLSign" 2>/dev/null
client() { # name, address
  openssl req -new -newkey rsa:2048 -nodes -subj "/CN=$2" -addext "subjectAltName=email:$2" -addext "extendedKeyUsage=clientAuth" \
    -keyout "$work/$1.key" -out "$work/$1.csr" 2>/dev/null
  openssl ca -batch -config "$work/ca.cnf" -in "$work/$1.csr" -out "$work/$1.crt" -notext 2>/dev/null
  cat "$work/$1.key" "$work/$1.crt" >"$1.pem"
}
client client bob@example.org
client revoked ann@example.org
openssl ca -config "$work/ca.cnf" -revoke "$work/revoked.crt" 2>/dev/null
openssl ca -config "$work/ca.cnf" -gencrl -out crl.pem 2>/dev/null
openssl crl -in crl.pem -outform DER -out crl.der
openssl req -x509 -newkey rsa:2048 -nodes -days $days -subj "/CN=bob@example.org" -addext "subjectAltName=email:bob@example.org" \
  -keyout "$work/stranger.key" -out "$work/stranger.crt" 2>/dev/null
cat "$work/stranger.key" "$work/stranger.crt" >stranger.pem
cp "$work/clients.crt" trust.pem
openssl x509 -in trust.pem -outform DER -out trust.der
for type in JKS PKCS12; do
  file=trust.jks
  [ $type = PKCS12 ] && file=trust.p12
  keytool -importcert -noprompt -keystore $file -storetype $type -storepass trusted -alias clients -file trust.pem 2>/dev/null
done
