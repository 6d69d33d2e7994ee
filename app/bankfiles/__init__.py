"""Files of bank statements (对账单文件): CSV and XLSX by a layout remembered per bank, and ISO 20022 camt.053."""
