# To be read by a script whose `aws` speaks to our server: the devices of certs/ get certificates of ours, in ours/, and may do all.
# ARN is the last one's.
aws iot create-policy --policy-name all --policy-document '{"Statement": {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}}' >/dev/null
mkdir ours; cp certs/ca.pem ours/
for key in certs/device-*.key; do
  name=$(basename "$key" .key)
  openssl req -new -key "$key" -subj "/CN=$name" -out "$name.csr" 2>/dev/null
  ARN=$(aws iot create-certificate-from-csr --set-as-active --certificate-signing-request "file://$name.csr" \
    --certificate-pem-outfile "ours/$name.pem" --query certificateArn --output text)
  aws iot attach-policy --policy-name all --target "$ARN"
  cp "$key" ours/
done
