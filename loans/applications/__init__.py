"""Applications (贷款申请): a loan is applied for by one person and approved by another before it is drawn."""
